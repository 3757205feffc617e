/**
 * The resolver of the tests: DNS over HTTPS in the JSON format, as `DOH_URL` speaks it. A pure fetch-style handler, so it
 * runs in workerd and in Node. Names that no script speaks of have one public address.
 *
 *   const dns = new ScriptedDns();
 *   dns.set('rebind.example.com', { a: ['93.184.215.14'] }, { a: ['127.0.0.1'] });
 */

/** Where the worker tests' resolver is: the default of `DOH_URL`. */
export const DOH_URL = 'https://cloudflare-dns.com/dns-query';
/** What every unscripted name resolves to, by A alone. */
export const PUBLIC_ADDRESS = '93.184.215.14';

const TYPES = { A: 1, CNAME: 5, AAAA: 28 } as const;

/** What a name is. */
export interface NameRecords {
  readonly a?: readonly string[];
  readonly aaaa?: readonly string[];
  /** Names that stand between it and its addresses. */
  readonly via?: readonly string[];
  /** The response code; 3 is NXDOMAIN, 2 SERVFAIL. Default 0. */
  readonly status?: number;
}
/** A resolver that is out of order: this answer, whatever the type. */
export type BrokenAnswer = () => Response | Promise<Response>;
export type DnsScript = NameRecords | BrokenAnswer;

export class ScriptedDns {
  readonly url: string;
  /** `name type` of each question, in the order they came. */
  readonly questions: string[] = [];
  readonly #names = new Map<string, { readonly scripts: readonly DnsScript[]; asked: Map<string, number> }>();
  #default: DnsScript = { a: [PUBLIC_ADDRESS] };

  constructor(url = DOH_URL) {
    this.url = url;
  }

  /** Scripts a name: the n-th question of each type is answered by the n-th script, later ones by the last. */
  set(name: string, ...scripts: readonly [DnsScript, ...DnsScript[]]): void {
    this.#names.set(name.toLowerCase(), { scripts, asked: new Map() });
  }

  /** What every name is that was not set. */
  setDefault(script: DnsScript): void {
    this.#default = script;
  }

  owns(url: string): boolean {
    return url.startsWith(`${this.url}?`);
  }

  /** Answers a question; 400 for what is none. */
  async handle(request: Request): Promise<Response> {
    const query = new URL(request.url).searchParams;
    const [name, type] = [query.get('name')?.toLowerCase(), query.get('type')];
    const asked =
      request.method === 'GET' && request.headers.get('accept') === 'application/dns-json' && !request.body;
    if (!asked || !name || name.endsWith('.') || (type !== 'A' && type !== 'AAAA')) {
      return new Response('no question', { status: 400 });
    }
    this.questions.push(`${name} ${type}`);
    const script = this.#scriptOf(name, type);
    return typeof script === 'function' ? script() : answer(name, type, script);
  }

  /** `fetch` whose questions are answered here, and the rest by `next`. */
  before(next: (url: string, init: RequestInit) => Promise<Response>) {
    return (url: string, init: RequestInit): Promise<Response> =>
      this.owns(url) ? this.handle(new Request(url, init)) : next(url, init);
  }

  #scriptOf(name: string, type: string): DnsScript {
    const known = this.#names.get(name);
    if (!known) return this.#default;
    const count = known.asked.get(type) ?? 0;
    known.asked.set(type, count + 1);
    return known.scripts[Math.min(count, known.scripts.length - 1)] ?? this.#default;
  }
}

function answer(name: string, type: 'A' | 'AAAA', { a = [], aaaa = [], via = [], status = 0 }: NameRecords) {
  const chain = [name, ...via];
  const aliases = via.map((data, index) => ({
    name: chain[index],
    type: TYPES.CNAME,
    TTL: 60,
    data: `${data}.`,
  }));
  const addresses = (type === 'A' ? a : aaaa).map((data) => ({
    name: chain.at(-1),
    type: TYPES[type],
    TTL: 60,
    data,
  }));
  const records = [...aliases, ...addresses];
  return Response.json(
    {
      Status: status,
      TC: false,
      RD: true,
      RA: true,
      AD: false,
      CD: false,
      Question: [{ name, type: TYPES[type] }],
      // As Cloudflare does: a name without records of this type has no such member.
      ...(records.length > 0 ? { Answer: records } : {}),
    },
    { headers: { 'content-type': 'application/dns-json' } },
  );
}
