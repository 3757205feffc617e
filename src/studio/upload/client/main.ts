/** The script of the upload page. It stands in the head: what only works without it is then never seen. */

import { byId } from './dom.ts';
import { takeOver } from './form.ts';
import { follow } from './view.ts';

document.documentElement.classList.add('scripted');
document.addEventListener('DOMContentLoaded', () => {
  const form = document.getElementById('form');
  if (form instanceof HTMLFormElement) {
    localTime();
    takeOver(form);
  } else if (byId('state', HTMLElement).dataset.moving !== undefined) {
    void follow(null);
  }
});

/** Writes the link's end in the reader's own time, in the form in which it stands there: nothing moves by that. */
function localTime(): void {
  const expires = byId('expires', HTMLTimeElement);
  expires.textContent = new Date(expires.dateTime).toLocaleString('en-GB', {
    day: 'numeric',
    month: 'long',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    timeZoneName: 'short',
  });
}
