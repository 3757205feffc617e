/** The part of the page that says what became of the picture: filled in as news come. */

import { pathOf } from '../formats.ts';
import type { PublicLink, PublicVideo } from '../link.ts';
import { type Shown, shownOf, shownOfProblem } from '../state.ts';
import { announce, byId } from './dom.ts';
import { type Look, watch } from './watch.ts';

/**
 * Follows the link until it rests. `picture` is the address of the sent picture, which is shown meanwhile; `link` what is
 * known of it already, which is shown at once.
 */
export function follow(picture: string | null, link?: PublicLink): Promise<void> {
  return watch((seen) => tell(seen, picture), link && { kind: 'link', link });
}

function tell(seen: Look, picture: string | null): void {
  const trouble = byId('trouble', HTMLParagraphElement);
  trouble.textContent =
    seen.kind === 'unreached' ? 'The connection is gone. This page keeps trying; your picture is safe.' : '';
  if (seen.kind === 'unreached') announce(trouble.textContent);
  else show(seen.kind === 'link' ? shownOf(seen.link) : shownOfProblem(seen.problem), picture);
}

/** Shows a state in place of whatever was shown before. What is the same already, a playing video too, is not touched. */
export function show(shown: Shown, picture: string | null = null): void {
  const state = byId('state', HTMLElement);
  if (state.dataset.state === shown.key) return;
  const title = byId('title', HTMLHeadingElement);
  const first = state.hidden;
  state.dataset.state = shown.key;
  state.dataset.tone = shown.tone;
  title.textContent = shown.title;
  byId('text', HTMLParagraphElement).textContent = shown.text;
  document.title = `${shown.title} · Firstframe`;
  showSteps(shown.step);
  showStage(shown.video, picture);
  // Somebody's picture is there, if not this one: the page, opened again, shows it.
  byId('see', HTMLAnchorElement).hidden = shown.key !== 'link_used' && shown.key !== 'upload_lost';
  state.hidden = false;
  const ask = document.getElementById('ask');
  if (ask) ask.hidden = true;
  // What had the focus is gone: who listens to the page goes on at its new heading, which is read out by that.
  if (first) {
    scrollTo(0, 0);
    title.focus();
  }
  announce(`${shown.title}. ${shown.text}`);
}

function showSteps(step: number | null): void {
  const steps = byId('steps', HTMLOListElement);
  steps.hidden = step === null;
  for (const [index, item] of [...steps.children].entries()) {
    const done = step !== null && (index < step || index === 0);
    item.className = done ? 'done' : index === step ? 'now' : '';
    if (index === step && !done) item.setAttribute('aria-current', 'step');
    else item.removeAttribute('aria-current');
  }
}

function showStage(video: PublicVideo | null, picture: string | null): void {
  const player = byId('video', HTMLVideoElement);
  const download = byId('download', HTMLAnchorElement);
  const stage = byId('stage', HTMLElement);
  const sent = document.querySelector<HTMLImageElement>('#sent');
  if (sent && picture !== null && sent.getAttribute('src') !== picture) {
    // One that this browser cannot show is left out, for good.
    sent.onerror = () => {
      sent.remove();
      stage.hidden = player.hidden;
    };
    sent.src = picture;
  }
  if (sent) sent.hidden = video !== null || picture === null;
  if (video) {
    const address = pathOf(video.url);
    player.width = video.width;
    player.height = video.height;
    player.src = address;
    download.href = address;
  }
  player.hidden = video === null;
  download.hidden = video === null;
  stage.hidden = video === null && (sent?.hidden ?? true);
}
