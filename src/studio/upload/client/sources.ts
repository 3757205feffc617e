/** Where a picture comes from: two fields, a drop anywhere on the page, the clipboard. */

import { byId } from './dom.ts';

/** Gives `take` every file that is chosen. While `busy` says so, nothing is. */
export function listen(form: HTMLFormElement, busy: () => boolean, take: (file: File) => void): void {
  const offer = (files: FileList | undefined) => {
    const file = files?.[0];
    if (file && !busy()) take(file);
  };
  for (const id of ['file', 'photo']) {
    const field = byId(id, HTMLInputElement);
    field.disabled = false;
    field.addEventListener('change', () => offer(field.files ?? undefined));
  }
  // Also beside the zone: a file that misses it must not make the browser leave the page.
  document.addEventListener('dragover', (event) => {
    if (!event.dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = busy() ? 'none' : 'copy';
    form.classList.toggle('over', !busy());
  });
  document.addEventListener('dragleave', (event) => {
    // The last one leaves the window.
    if (event.relatedTarget === null) form.classList.remove('over');
  });
  document.addEventListener('drop', (event) => {
    form.classList.remove('over');
    if (!event.dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    offer(event.dataTransfer.files);
  });
  document.addEventListener('paste', (event) => offer(event.clipboardData?.files));
}
