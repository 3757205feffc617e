/** The form with script: a preview, progress, another try. Without, it is an ordinary form. */

import { sizeInWords } from '../formats.ts';
import { problemInWords, shownOfProblem } from '../state.ts';
import { announce, byId } from './dom.ts';
import { type Limits, typeOf, whyNot } from './picture.ts';
import { type Sent, send } from './send.ts';
import { listen } from './sources.ts';
import { follow, show } from './view.ts';
import { look } from './watch.ts';

/** The picture that is to be sent. */
interface Chosen {
  readonly file: File;
  readonly type: string;
  /** An address in this browser. */
  readonly preview: string;
}

const BROKEN = 'The connection broke before your picture had arrived. Try again: it is still chosen.';
/** Codes of a link that has a picture already: ours, perhaps, when an earlier try had no answer. */
const CAME_SECOND: ReadonlySet<string> = new Set(['link_used', 'upload_lost']);
const UNREADABLE = 'This file cannot be read (any more). Choose it again, or another.';

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
  /** How often a picture was sent. */
  let tries = 0;
  /** Sizes, in bytes, of pictures whose sending ended without an answer: each may have arrived all the same. */
  const unanswered = new Set<number>();

  const complain = (text: string) => {
    problem.textContent = text;
  };

  async function choose(file: File): Promise<void> {
    const mine = ++turn;
    const type = await typeOf(file).catch(() => null);
    if (mine !== turn || sending) return;
    const objection = type === null ? UNREADABLE : whyNot(type, file.size, limits);
    if (chosen) URL.revokeObjectURL(chosen.preview);
    chosen = type === null || objection !== null ? null : { file, type, preview: URL.createObjectURL(file) };
    showChosen(form, chosen);
    button.textContent = 'Send the picture';
    complain(objection ?? '');
    if (!chosen) return;
    announce(`${file.name} is chosen.`);
    button.focus();
  }

  async function submit(): Promise<void> {
    if (sending) return;
    if (!chosen) {
      complain('Choose a picture first.');
      byId('file', HTMLInputElement).focus();
      return;
    }
    complain('');
    const mine = ++tries;
    const picture = chosen;
    sending = new AbortController();
    showSending(form, true);
    const sent = await send(picture.file, picture.type, showProgress, sending.signal);
    const arrived =
      sent.kind === 'taken' || (doubtful(sent, picture.file) && (await hasArrived(picture.file)));
    sending = null;
    if (arrived) return arrive(form, picture.preview);
    if (sent.kind !== 'refused') unanswered.add(picture.file.size);
    showSending(form, false);
    fail(sent);
    if (sent.kind !== 'canceled') return;
    // What had left in full before it was canceled is taken: who meant to stop it must know.
    if ((await hasArrived(picture.file)) && mine === tries) return arrive(form, picture.preview);
  }

  /** Whether the picture may be there although this try was not told so. Who cancels does not wait to hear it. */
  function doubtful(sent: Sent, { size }: File): boolean {
    if (sent.kind === 'refused') return CAME_SECOND.has(sent.code) && unanswered.has(size);
    return sent.kind === 'broken';
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
  listen(
    form,
    () => sending !== null,
    (file) => void choose(file),
  );
}

/** Whether the picture is there although the answer was lost: what came has its size. */
async function hasArrived(file: File): Promise<boolean> {
  const seen = await look();
  return seen.kind === 'link' && seen.link.status === 'uploaded' && seen.link.bytes === file.size;
}

function arrive(form: HTMLFormElement, preview: string): Promise<void> | void {
  const { redirect } = form.dataset;
  if (redirect === undefined) return follow(preview);
  announce('Your picture has arrived.');
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
