/** How a receiver verifies an event, with the standard libraries. A test runs the JavaScript one. */

/** JavaScript, Node: an HTTP server that verifies with the npm package `standardwebhooks`. */
export const VERIFY_JAVASCRIPT = `import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

const webhook = new Webhook(process.env.WEBHOOK_SECRET); // whsec_…

createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request.setEncoding("utf8")) body += chunk;
  try {
    const event = webhook.verify(body, request.headers); // throws when the signature is wrong or too old
    console.log(request.headers["webhook-id"], event.type, event.data.job_id);
    response.writeHead(204).end();
  } catch {
    response.writeHead(400).end();
  }
}).listen(process.env.PORT ?? 3000);
`;

/** Python, Flask: the PyPI package \`standardwebhooks\`. */
export const VERIFY_PYTHON = `import os

from flask import Flask, request
from standardwebhooks import Webhook, WebhookVerificationError

app = Flask(__name__)
webhook = Webhook(os.environ["WEBHOOK_SECRET"])  # whsec_…


@app.post("/webhook")
def receive():
    try:
        event = webhook.verify(request.get_data(as_text=True), request.headers)
    except WebhookVerificationError:
        return "", 400
    print(request.headers["webhook-id"], event["type"], event["data"]["job_id"])
    return "", 204
`;
