/** What is drawn rather than computed: birds, a boat, reeds. As one SVG over the landscape. Pure. */

import { WATERLINE } from './forest.ts';
import { hash } from './noise.ts';

/** The SVG document for a picture of this size. */
export function foreground(width: number, height: number): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
  <defs>
    <filter id="soft"><feGaussianBlur stdDeviation="0.6"/></filter>
    <filter id="wet"><feGaussianBlur stdDeviation="3.2 1.2"/></filter>
  </defs>
  ${birds(width, height)}
  ${boat(width * 0.415, height * 0.735)}
  ${reeds(width, height)}
</svg>`;
}

/** A loose flock of seven, higher ones smaller. */
function birds(width: number, height: number): string {
  const flock: readonly (readonly [number, number, number, number])[] = [
    [0.4, 0.225, 1, -4],
    [0.425, 0.205, 0.85, 6],
    [0.448, 0.222, 0.75, -8],
    [0.386, 0.253, 0.9, 3],
    [0.472, 0.196, 0.62, 10],
    [0.495, 0.214, 0.55, 0],
    [0.36, 0.272, 0.7, -6],
  ];
  const paths = flock.map(([x, y, scale, turn], i) => {
    const lift = 7 + 7 * hash(i, 1, 8);
    return `<path transform="translate(${x * width} ${y * height}) rotate(${turn}) scale(${scale})"
      d="M-21 ${-lift * 0.3} Q-12 ${-lift - 3} 0 1 Q12 ${-lift - 4} 22 ${-lift * 0.2} Q11 ${-lift + 2} 0 5 Q-11 ${-lift + 3} -21 ${-lift * 0.3} Z"/>`;
  });
  return `<g fill="#2b3350" opacity="0.85" filter="url(#soft)">${paths.join('')}</g>`;
}

/** A rowing boat with somebody in it, and both upside down in the water. */
function boat(x: number, y: number): string {
  const hull = `<path d="M-74 -10 C-52 -5 44 -5 78 -13 C66 6 48 13 20 14 L-34 14 C-56 13 -68 3 -74 -10 Z"/>
    <path d="M-10 -7 C-14 -24 -10 -38 2 -43 C13 -39 17 -22 14 -7 Z"/>
    <circle cx="3" cy="-52" r="8.6"/>
    <path d="M-11 -55 C-5 -58 11 -58 17 -55 L10 -58 C9 -66 -3 -66 -4 -58 Z"/>
    <path d="M10 -31 L52 2 L70 12 L66 15 L46 6 L7 -25 Z"/>`;
  return `<g transform="translate(${x} ${y})">
    <g transform="translate(0 26) scale(1 -0.8)" fill="#1a2740" opacity="0.5" filter="url(#wet)">${hull}</g>
    <g fill="#17202f" filter="url(#soft)">${hull}</g>
    <path d="M-72 -9 C-52 -4 44 -4 76 -12" fill="none" stroke="#f2b98c" stroke-width="1.6" opacity="0.75"/>
    <path d="M4 -43 C12 -38 15 -24 14 -9" fill="none" stroke="#f2b98c" stroke-width="1.8" opacity="0.7"/>
    <path d="M9 -58 C13 -54 12 -48 8 -46" fill="none" stroke="#f2b98c" stroke-width="1.6" opacity="0.7"/>
    <g fill="none" stroke="#f6d2b4" opacity="0.35" stroke-width="1.4">
      <path d="M-120 19 C-70 25 60 27 132 18"/><path d="M-92 27 C-40 32 40 33 100 26"/>
    </g>
  </g>`;
}

/** Reeds in the lower corners: the nearest thing, and so the darkest. */
function reeds(width: number, height: number): string {
  const stems: string[] = [];
  for (let i = 0; i < 120; i++) {
    const left = i % 5 < 3;
    const inland = hash(i, 1, 21) ** 1.5;
    const x = left ? inland * width * 0.2 : width - inland * width * 0.15;
    const tall = height * (1 - WATERLINE) * (0.25 + 0.5 * hash(i, 2, 21)) * (1 - inland * 0.55);
    const lean = (hash(i, 3, 21) - 0.42) * tall * 0.5;
    const foot = height + 12;
    const w = 1.6 + 2.6 * hash(i, 4, 21);
    const tip = `${x + lean} ${foot - tall}`;
    const bend = `${x + lean * 0.25} ${foot - tall * 0.6}`;
    stems.push(
      `<path d="M${x - w} ${foot} Q${bend} ${tip} Q${x + lean * 0.25 + w * 1.4} ${foot - tall * 0.55} ${x + w} ${foot} Z"/>`,
    );
    if (hash(i, 5, 21) > 0.8) {
      const angle = (Math.atan2(lean, tall) * 180) / Math.PI;
      stems.push(
        `<rect x="-4" y="-4" width="8" height="40" rx="4" transform="translate(${x + lean * 0.93} ${foot - tall * 0.97}) rotate(${angle * 1.4})"/>`,
      );
    }
  }
  return `<g fill="#101a28" filter="url(#soft)">${stems.join('')}</g>`;
}
