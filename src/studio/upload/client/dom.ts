/** The page's elements by their ids. */

/** The element with this id. @throws {Error} when the page has none of that kind: it is not the script's own page. */
export function byId<T extends HTMLElement>(id: string, kind: new () => T): T {
  const element = document.getElementById(id);
  if (!(element instanceof kind)) throw new Error(`the page has no ${kind.name} #${id}`);
  return element;
}

/** Says something to those who do not see it. Text that stays the same is not said again. */
export function announce(text: string): void {
  const live = byId('live', HTMLParagraphElement);
  if (live.textContent !== text) live.textContent = text;
}
