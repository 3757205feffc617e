/** The style sheet of the upload page: the family of the docs, for one column and one task. */

import { PALETTE } from '../../worker/docs/style.ts';

/** Colours by scheme; a test holds every pair that is used to WCAG AA contrast. */
export const UPLOAD_PALETTE = {
  light: { ...PALETTE.light, onaccent: '#ffffff', strong: '#7d2e0c', good: '#1c6a3c', bad: '#a61b1b' },
  dark: { ...PALETTE.dark, onaccent: '#2b1304', strong: '#ffcba8', good: '#7fd39b', bad: '#ff9b93' },
} as const;

function variables(colours: Readonly<Record<string, string>>): string {
  return Object.entries(colours)
    .map(([name, colour]) => `--${name}:${colour};`)
    .join('');
}

/** Byte for byte as it stands in the page: its hash stands in the Content-Security-Policy. */
export const UPLOAD_STYLE = `
:root{color-scheme:light dark;${variables(UPLOAD_PALETTE.light)}}
@media (prefers-color-scheme:dark){:root{${variables(UPLOAD_PALETTE.dark)}}}
*{box-sizing:border-box}
[hidden]{display:none!important}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;min-height:100vh;min-height:100svh;display:flex;flex-direction:column;background:var(--page);color:var(--text);font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;overflow-wrap:break-word}
a{color:var(--accent);text-underline-offset:.15em}
:focus-visible{outline:3px solid var(--accent);outline-offset:3px;border-radius:4px}
h1:focus-visible{outline:none}
.top{display:flex;padding:.75rem max(1rem,calc((100% - 34rem)/2));border-bottom:1px solid var(--line)}
.brand{display:inline-flex;align-items:center;gap:.55rem;font-weight:650;letter-spacing:-.01em}
.brand svg{display:block;width:1.5rem;height:1.5rem;color:var(--accent)}
main{flex:1;width:100%;max-width:36rem;margin:0 auto;padding:0 1rem 3rem}
h1{margin:2rem 0 .5rem;font-size:clamp(1.6rem,1.3rem + 1.6vw,2.1rem);line-height:1.15;letter-spacing:-.02em;text-wrap:balance}
.lead{margin:.5rem 0 1.5rem;color:var(--muted);font-size:1.05rem;text-wrap:pretty}
.note{margin:.75rem 0 0;color:var(--muted);font-size:.9rem}
time{white-space:nowrap}
.unseen,.scripted .field{position:absolute;width:1px;height:1px;margin:-1px;padding:0;border:0;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
form{position:relative;display:flex;flex-direction:column}
.zone{order:-1}
.zone{position:relative;display:block;font-weight:600}
.zone .hint,.zone svg,.zone .again{display:none}
.field{display:block;width:100%;margin:.5rem 0 0;padding:1rem;border:2px dashed var(--muted);border-radius:12px;background:var(--raised);color:var(--text);font:inherit}
.field::file-selector-button{margin-right:.75rem;padding:.5rem .9rem;border:1px solid var(--muted);border-radius:8px;background:var(--code);color:var(--text);font:inherit;font-weight:600;cursor:pointer}
.scripted .zone{display:flex;flex-direction:column;align-items:center;justify-content:center;gap:.35rem;height:clamp(14rem,42vh,20rem);padding:1rem;border:2px dashed var(--muted);border-radius:16px;background:var(--raised);text-align:center;cursor:pointer;overflow:hidden;transition:border-color .15s,background-color .15s}
.scripted .zone:hover,.scripted .over .zone{border-color:var(--accent)}
.scripted .over .zone{background:var(--code);border-style:solid}
.scripted .zone .hint{display:block;color:var(--muted);font-weight:400}
.scripted .zone svg{display:block;width:3rem;height:3rem;margin-bottom:.35rem;color:var(--accent)}
.scripted .zone strong{color:var(--accent);font-weight:650;text-decoration:underline;text-underline-offset:.2em;text-decoration-thickness:.06em}
.scripted .field:focus-visible+.zone,.scripted .snap:focus-visible+.camera{outline:3px solid var(--accent);outline-offset:3px}
.zone img{display:none}
.scripted .chosen .zone{padding:.5rem .5rem 3rem;border-style:solid;border-color:var(--line)}
.scripted .chosen .zone svg,.scripted .chosen .zone strong,.scripted .chosen .zone .hint{display:none}
.scripted .chosen .zone img{display:block;max-width:100%;max-height:100%;min-height:0;border-radius:8px;object-fit:contain}
.scripted .chosen .zone .again{position:absolute;inset:auto 0 0;display:flex;gap:.75rem;align-items:center;justify-content:space-between;height:2.75rem;padding:0 1rem;background:var(--raised);border-top:1px solid var(--line);font-weight:400;font-size:.92rem}
.again .name{overflow:hidden;white-space:nowrap;text-overflow:ellipsis;color:var(--text)}
.again .size{flex:none;margin-right:auto;color:var(--muted)}
.again .other{flex:none;color:var(--accent);font-weight:600;text-decoration:underline;text-underline-offset:.2em;text-decoration-thickness:.06em}
.sending .zone,.sending .camera{pointer-events:none}
.sending .zone .other,.sending .camera{visibility:hidden}
.button,button{display:flex;align-items:center;justify-content:center;gap:.5rem;width:100%;min-height:3rem;padding:.6rem 1.2rem;border:1px solid transparent;border-radius:12px;background:var(--accent);color:var(--onaccent);font:inherit;font-size:1.05rem;font-weight:650;text-decoration:none;cursor:pointer}
.button:hover,button:hover{background:var(--strong)}
.quiet{background:transparent;border-color:var(--muted);color:var(--text)}
.quiet:hover{background:var(--code)}
.camera,.snap{display:none}
@media (pointer:coarse){.scripted .snap{display:block}.scripted .camera{display:flex;margin-top:.75rem}.scripted .hint .drop{display:none}}
.act{display:grid;min-height:3.5rem;margin-top:1rem;align-content:start}
.progress{display:grid;grid-template-columns:1fr auto;gap:.4rem 1rem;align-items:center}
.progress label{font-variant-numeric:tabular-nums}
.progress progress{grid-column:1;width:100%}
.progress button{grid-column:2;grid-row:1/3;width:auto}
progress{appearance:none;display:block;height:.6rem;border:0;border-radius:99px;background:var(--code);box-shadow:inset 0 0 0 1px var(--muted);overflow:hidden}
progress::-webkit-progress-bar{background:transparent}
progress::-webkit-progress-value{background:var(--accent);border-radius:99px;transition:width .2s}
progress::-moz-progress-bar{background:var(--accent);border-radius:99px}
.problem{margin:1rem 0 0;padding:.75rem 1rem;border:1px solid var(--bad);border-left-width:.35rem;border-radius:8px;background:var(--raised);color:var(--bad);font-weight:550}
.problem:empty{margin:0;padding:0;border:0}
.badge{display:grid;place-items:center;width:3.25rem;height:3.25rem;margin-top:2.25rem;border:2px solid currentColor;border-radius:50%;color:var(--muted)}
.badge svg{width:1.6rem;height:1.6rem}
.badge path{display:none}
.badge+h1{margin-top:1rem}
[data-tone=good] .badge{color:var(--good)}
[data-tone=bad] .badge{color:var(--bad)}
[data-tone=busy] .badge{color:var(--accent);border-color:var(--line);border-top-color:currentColor;animation:turn 1.1s linear infinite}
[data-tone=good] .badge .tick,[data-tone=bad] .badge .cross,[data-tone=calm] .badge .pause{display:block}
.stage{margin:0 0 1.25rem}
.stage img,.stage video{display:block;width:100%;height:auto;max-height:70vh;border-radius:12px;background:#000}
.stage img{object-fit:contain;background:var(--code)}
.steps{margin:0 0 1.25rem;padding:0;list-style:none}
.steps li{position:relative;padding:.3rem 0 .3rem 2.1rem;color:var(--muted)}
.steps li::before{content:"";position:absolute;left:.35rem;top:.66rem;width:.8rem;height:.8rem;border:2px solid var(--muted);border-radius:50%;background:var(--page);z-index:1}
.steps li+li::after{content:"";position:absolute;left:.7rem;top:-.85rem;width:2px;height:1.6rem;background:var(--line)}
.steps .done{color:var(--text)}
.steps .done::before{border-color:var(--good);background:var(--good)}
.steps .now{color:var(--text);font-weight:650}
.steps .now::before{border-color:var(--accent);background:var(--accent);animation:beat 1.6s ease-in-out infinite}
.trouble{margin:0 0 1rem;color:var(--bad)}
.trouble:empty{display:none}
footer{padding:1rem;border-top:1px solid var(--line);color:var(--muted);font-size:.85rem;text-align:center}
@keyframes turn{to{transform:rotate(1turn)}}
@keyframes beat{50%{box-shadow:0 0 0 .3rem var(--line)}}
@media (prefers-reduced-motion:reduce){*,*::before,*::after{animation:none!important;transition:none!important}[data-tone=busy] .badge{border-style:dashed;border-color:currentColor}}
@media (forced-colors:active){progress::-webkit-progress-value{background:Highlight}.steps .now::before{background:Highlight}}
`;
