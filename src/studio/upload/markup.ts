/** The parts of the page. What the script needs of them it finds by id; the `data-` attributes tell it the limits. */

import { html, raw } from 'hono/html';
import type { Html } from '../../worker/docs/layout.ts';
import { acceptOf, limitInWords, pathOf, typesInWords } from './formats.ts';
import type { PublicLink } from './link.ts';
import { type Shown, STEPS } from './state.ts';

const PICTURE_ICON = raw(
  '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false"><path d="M21 13v5a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2h8"/><path d="m3.5 17 4.5-4.5 4 4 2.5-2.5 5.5 5"/><circle cx="9" cy="8.5" r="1.25"/><path d="M18 10V3m-3 3 3-3 3 3"/></svg>',
);

const BADGE = raw(
  '<span class="badge" aria-hidden="true"><svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2.5" stroke-linecap="round" focusable="false"><path class="tick" d="m5 12.5 4.5 4.5L19 7.5"/><path class="cross" d="M12 5v8.5M12 18.5v.01"/><path class="pause" d="M9 6v12M15 6v12"/></svg></span>',
);

/** How a time is written where the reader's own zone is not known; the script writes it in theirs. */
function utc(iso: string): string {
  const time = new Date(iso);
  const date = `${time.getUTCDate()} ${MONTHS[time.getUTCMonth()]} ${time.getUTCFullYear()}`;
  return `${date} at ${iso.slice(11, 16)} UTC`;
}

const MONTHS = [
  ...['January', 'February', 'March', 'April', 'May', 'June'],
  ...['July', 'August', 'September', 'October', 'November', 'December'],
] as const;

/** The form. It posts to the page's own address; `redirectUrl` is where the script goes once it has sent. */
export function askPart(link: PublicLink, redirectUrl: string | undefined): Html {
  const types = typesInWords(link.types);
  return html`<section id="ask">
<h1>Send a picture</h1>
<p class="lead">${
    link.job
      ? 'Choose a picture, and it is made into a short video that you can watch right here.'
      : 'Choose a picture, and it goes to the sender of this link.'
  }</p>
<form id="form" method="post" enctype="multipart/form-data" data-max-bytes="${link.max_bytes}" data-types="${link.types.join(' ')}"${redirectUrl === undefined ? '' : html` data-redirect="${redirectUrl}"`}>
<input class="field" type="file" id="file" name="file" accept="${acceptOf(link.types)}" required aria-describedby="limits">
<label class="zone" for="file">
${PICTURE_ICON}
<img id="preview" alt="">
<strong>Choose a picture</strong>
<span class="hint"><span class="drop">or drop or paste it here</span></span>
<span class="again"><span class="name" id="name"></span><span class="size" id="size"></span><span class="other">Choose another</span></span>
</label>
<input class="unseen snap" type="file" id="photo" accept="image/*" capture="environment" aria-describedby="limits" disabled>
<label class="button quiet camera" for="photo">Take a photo</label>
<p class="note" id="limits">${types}, up to ${limitInWords(link.max_bytes)}.</p>
<p class="problem" id="problem" role="alert"></p>
<div class="act">
<button type="submit" id="send">Send the picture</button>
<div class="progress" id="progress" hidden>
<label for="bar" id="amount">Sending</label>
<progress id="bar" max="100" value="0"></progress>
<button class="quiet" type="button" id="cancel">Cancel</button>
</div>
</div>
</form>
<p class="note">The link takes one picture, until <time id="expires" datetime="${link.expires_at}">${utc(link.expires_at)}</time>.</p>
</section>
`;
}

/**
 * What became of the picture. Empty and hidden while there is none: the script fills it in. `data-moving`: it may be
 * otherwise in a while.
 */
export function statePart(shown: Shown | null): Html {
  const { video = null, step = null } = shown ?? {};
  return html`<section id="state" data-tone="${shown?.tone ?? 'busy'}" data-state="${shown?.key ?? ''}"${shown?.lookAgain ? raw(' data-moving') : ''}${shown ? '' : raw(' hidden')}>
${BADGE}
<h1 id="title" tabindex="-1">${shown?.title ?? ''}</h1>
<p class="lead" id="text">${shown?.text ?? ''}</p>
<ol class="steps" id="steps" aria-label="Progress"${step === null ? raw(' hidden') : ''}>${STEPS.map((name, index) => stepItem(name, index, step))}</ol>
<figure class="stage" id="stage"${video ? '' : raw(' hidden')}>
<img id="sent" alt="Your picture" hidden>
<video id="video" controls playsinline preload="metadata" aria-label="Your video"${
    video ? html` src="${pathOf(video.url)}" width="${video.width}" height="${video.height}"` : raw(' hidden')
  }></video>
</figure>
<p class="trouble" id="trouble"></p>
<a class="button" id="download"${video ? html` href="${pathOf(video.url)}"` : raw(' hidden')} download="video.mp4">Download the video</a>
<a class="button" id="see" href="" hidden>See what became of it</a>
</section>
`;
}

function stepItem(name: string, index: number, step: number | null): Html {
  if (step === null || index > step) return html`<li>${name}</li>`;
  // The first step is that the picture is there: it is done as soon as it is shown.
  return index < step || index === 0
    ? html`<li class="done">${name}</li>`
    : html`<li class="now" aria-current="step">${name}</li>`;
}
