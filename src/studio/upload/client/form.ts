/** The form with script: a preview, progress, another try. Without, it is an ordinary form. */

import { sizeInWords } from '../formats.ts';
import type { PublicLink } from '../link.ts';
import { problemInWords, shownOf, shownOfProblem } from '../state.ts';
import { announce, byId } from './dom.ts';
import { type Limits, typeOf, whyNot } from './picture.ts';
import { type Sent, send } from './send.ts';
import { listen } from './sources.ts';
import { follow, show } from './view.ts';
import { look, waited } from './watch.ts';

/** The picture that is to be sent. */
interface Chosen {
  readonly file: File;
  readonly type: string;
  /** An address in this browser. Never revoked: a picture that was canceled too late may still be shown by it. */
  readonly preview: string;
}

const BROKEN = 'The connection broke before your picture had arrived. Try again: it is still chosen.';
const UNREADABLE = 'This file cannot be read (any more). Choose it again, or another.';

/** Codes of a link that has a picture already: this one, perhaps, when it was tried before. */
const CAME_SECOND: ReadonlySet<string> = new Set(['link_used', 'upload_lost']);
/** When the link is looked at after a cancel, in ms from one look to the next: the service may be at the picture still. */
const LATE_LOOKS_MS = [0, 3_000];

/** Takes over the form. */
export function takeOver(form: HTMLFormElement): void {
  const limits: Limits = {
    maxBytes: Number(form.dataset.maxBytes),
    types: (form.dataset.types ?? '').split(' '),
  };
  const button = byId('send', HTMLButtonElement);
  const problem = byId('problem', HTMLParagraphElement);
  let chosen: Chosen | null = null;
  let sending: AbortController | null = null;
  /** Of the latest file: reading one takes a moment, in which another can be chosen. */
  let turn = 0;
  /** Sizes, in bytes, of pictures that were sent: each may have arrived although nobody said so. */
  const tried = new Set<number>();

  /** Whether there is nothing to choose or to send: a picture is on its way, or the form has had its end. */
  const closed = () => sending !== null || Boolean(byId('ask', HTMLElement).hidden);
  const complain = (text: string) => {
    problem.textContent = text;
  };

  async function choose(file: File): Promise<void> {
    const mine = ++turn;
    const type = await typeOf(file).catch(() => null);
    if (mine !== turn || closed()) return;
    const objection = type === null ? UNREADABLE : whyNot(type, file.size, limits);
    chosen = type === null || objection !== null ? null : { file, type, preview: URL.createObjectURL(file) };
    showChosen(form, chosen);
    button.textContent = 'Send the picture';
    complain(objection ?? '');
    if (!chosen) return;
    announce(`${file.name} is chosen.`);
    button.focus();
  }

  async function submit(): Promise<void> {
    if (closed()) return;
    if (!chosen) {
      complain('Choose a picture first.');
      byId('file', HTMLInputElement).focus();
      return;
    }
    complain('');
    const picture = chosen;
    const again = tried.has(picture.file.size);
    tried.add(picture.file.size);
    sending = new AbortController();
    showSending(form, true);
    const sent = await send(picture.file, picture.type, showProgress, sending.signal);
    const link = await linkAfter(sent, picture.file, again);
    sending = null;
    if (link) return arrive(form, link, picture.preview);
    showSending(form, false);
    fail(sent);
    if (sent.kind === 'canceled') await tellIfTooLate(picture);
  }

  /** Who cancels gets the form back at once, but must know when the service had the whole picture already. */
  async function tellIfTooLate({ file, preview }: Chosen): Promise<void> {
    for (const pause of LATE_LOOKS_MS) {
      await waited(pause);
      const link = await arrived(file);
      if (closed()) return;
      if (link) return arrive(form, link, preview);
    }
  }

  /** Says why it was not taken. A link that is over leaves nothing to try. */
  function fail(sent: Sent): void {
    button.focus();
    if (sent.kind === 'canceled') {
      announce('Canceled.');
    } else if (sent.kind === 'broken') {
      button.textContent = 'Try again';
      complain(BROKEN);
    } else if (sent.kind === 'refused') {
      const { code } = sent;
      if (code.startsWith('link_') || code.startsWith('upload_') || code === 'not_found') {
        show(shownOfProblem(sent));
        return;
      }
      button.textContent = 'Try again';
      complain(problemInWords(sent));
    }
  }

  form.noValidate = true;
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void submit();
  });
  byId('cancel', HTMLButtonElement).addEventListener('click', () => sending?.abort());
  listen(form, closed, (file) => void choose(file));
}

/** The link, if this try has brought the picture there, or an earlier one has: `again` says that there was one. */
async function linkAfter(sent: Sent, file: File, again: boolean): Promise<PublicLink | null> {
  if (sent.kind === 'taken') return sent.link;
  const cameSecond = sent.kind === 'refused' && CAME_SECOND.has(sent.code);
  return sent.kind === 'broken' || (again && cameSecond) ? arrived(file) : null;
}

/** The link, if this picture is there: what came has its size. */
async function arrived(file: File): Promise<PublicLink | null> {
  const seen = await look();
  if (seen.kind !== 'link' || seen.link.status !== 'uploaded' || seen.link.bytes !== file.size) return null;
  return seen.link;
}

/** Leaves the form for good. */
function arrive(form: HTMLFormElement, link: PublicLink, preview: string): Promise<void> | void {
  const { redirect } = form.dataset;
  if (redirect === undefined) return follow(preview, link);
  show(shownOf(link), preview);
  location.assign(redirect);
}

function showChosen(form: HTMLFormElement, chosen: Chosen | null): void {
  const image = byId('preview', HTMLImageElement);
  form.classList.toggle('chosen', chosen !== null);
  // Not every browser can show every type: then its name stands for it.
  image.hidden = chosen === null;
  image.onerror = () => {
    image.hidden = true;
  };
  if (chosen) {
    image.src = chosen.preview;
    byId('name', HTMLElement).textContent = chosen.file.name;
    byId('size', HTMLElement).textContent = sizeInWords(chosen.file.size);
  } else {
    image.removeAttribute('src');
  }
}

function showSending(form: HTMLFormElement, sending: boolean): void {
  form.classList.toggle('sending', sending);
  byId('file', HTMLInputElement).disabled = sending;
  byId('photo', HTMLInputElement).disabled = sending;
  byId('send', HTMLButtonElement).hidden = sending;
  byId('progress', HTMLElement).hidden = !sending;
  if (!sending) return;
  showProgress(0);
  byId('cancel', HTMLButtonElement).focus();
  announce('Sending your picture.');
}

/** Once all has left, the service still looks at it. */
function showProgress(part: number): void {
  const percent = Math.floor(part * 100);
  byId('bar', HTMLProgressElement).value = percent;
  byId('amount', HTMLLabelElement).textContent =
    part < 1 ? `Sending: ${percent} %` : 'Looking at your picture';
}
