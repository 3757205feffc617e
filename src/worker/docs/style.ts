/** The one style sheet of all pages: dark and light by the reader's own setting, from 320 px up, system fonts only. */

/** Foreground and background colours by scheme; a test holds every pair that is used to WCAG AA contrast. */
export const PALETTE = {
  light: {
    page: '#fbfaf8',
    raised: '#ffffff',
    code: '#f2f0ec',
    line: '#dcd8d0',
    text: '#1d1b18',
    muted: '#5c5650',
    accent: '#9a3b12',
  },
  dark: {
    page: '#151412',
    raised: '#1d1b19',
    code: '#24221f',
    line: '#3b3733',
    text: '#ece8e1',
    muted: '#aca59b',
    accent: '#ffb27d',
  },
} as const;

function variables(colours: Readonly<Record<string, string>>): string {
  return Object.entries(colours)
    .map(([name, colour]) => `--${name}:${colour};`)
    .join('');
}

/** The style sheet as it stands in the page, byte for byte: its hash stands in the Content-Security-Policy. */
export const STYLE = `
:root{color-scheme:light dark;${variables(PALETTE.light)}--mono:ui-monospace,"SF Mono",SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
@media (prefers-color-scheme:dark){:root{${variables(PALETTE.dark)}}}
*{box-sizing:border-box}
html{scroll-padding-top:1rem;-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--text);font:1rem/1.6 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;overflow-wrap:break-word}
a{color:var(--accent);text-underline-offset:.15em;text-decoration-thickness:.06em}
a:hover{text-decoration-thickness:.12em}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px;border-radius:2px}
.skip{position:absolute;left:-100vw;top:0;padding:.75rem 1rem;background:var(--raised);z-index:1}
.skip:focus{left:0}
.top{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;align-items:center;justify-content:space-between;padding:.75rem max(1rem,calc((100% - 76rem)/2));border-bottom:1px solid var(--line)}
.brand{display:inline-flex;align-items:center;gap:.55rem;color:var(--text);font-weight:650;letter-spacing:-.01em;text-decoration:none}
.brand svg{display:block;width:1.5rem;height:1.5rem;color:var(--accent)}
.top ul,.contents ul{display:flex;flex-wrap:wrap;gap:.1rem 1.1rem;margin:0;padding:0;list-style:none}
.top li a,.contents a{display:inline-block;padding:.3rem 0;color:var(--text)}
.frame{max-width:78rem;margin:0 auto;padding:0 1rem 4rem}
.contents{margin:1rem 0 0;padding:.75rem 0;border-bottom:1px solid var(--line);font-size:.95rem}
.contents h2{margin:0 0 .25rem;padding:0;border:0;font-size:.8rem;font-weight:600;color:var(--muted);letter-spacing:.02em}
h1{margin:2rem 0 .5rem;font-size:clamp(1.75rem,1.3rem + 2vw,2.5rem);line-height:1.15;letter-spacing:-.02em;text-wrap:balance}
h2{margin:3.25rem 0 .75rem;padding-top:1.5rem;border-top:1px solid var(--line);font-size:1.4rem;line-height:1.25;letter-spacing:-.01em}
h3{margin:2rem 0 .5rem;font-size:1.05rem;line-height:1.35}
p,ul,ol,dl{margin:.75rem 0;max-width:44rem}
li+li{margin-top:.25rem}
nav li+li{margin-top:0}
.lead{font-size:1.15rem;color:var(--muted)}
.note{color:var(--muted);font-size:.95rem}
code,pre,.value{font-family:var(--mono);font-size:.875em}
:not(pre)>code{padding:.1em .35em;border-radius:4px;background:var(--code);overflow-wrap:anywhere}
th code:not(pre code){padding:0;background:none;font-weight:650}
pre{margin:.75rem 0 1.25rem;padding:.9rem 1rem;border:1px solid var(--line);border-radius:8px;background:var(--code);line-height:1.55;overflow-x:auto;tab-size:4}
pre code{font-size:1em}
pre.copy code{display:block;width:max-content;min-width:100%;-webkit-user-select:all;user-select:all}
.endpoint{display:flex;flex-wrap:wrap;gap:.25rem .75rem;align-items:baseline;margin:1.25rem 0;padding:.75rem 1rem;border:1px solid var(--line);border-radius:8px;background:var(--raised);font-family:var(--mono);font-size:.925rem;overflow-wrap:anywhere;max-width:none}
.endpoint strong{color:var(--accent)}
.endpoint span{-webkit-user-select:all;user-select:all}
table{width:100%;margin:1rem 0;border-collapse:collapse;font-size:.95rem;line-height:1.5}
caption{padding:0 0 .5rem;text-align:left;color:var(--muted);font-size:.95rem}
th,td{padding:.6rem 1rem .6rem 0;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
th:last-child,td:last-child{padding-right:0}
thead th{font-size:.85rem;font-weight:600;color:var(--muted);white-space:nowrap}
tbody th{font-weight:600}
.stack td:not(.wide){white-space:nowrap}
.stack th code{overflow-wrap:normal;white-space:nowrap}
.stack .values{white-space:normal;min-width:9rem}
.badge{font-size:.8rem;color:var(--muted);white-space:nowrap}
.badge.must{color:var(--accent);font-weight:600}
.prices td,.prices thead th+th{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.prices{max-width:44rem}
.prices small{display:block;color:var(--muted);font-size:.85em}
.frame:not(.split) pre,.frame:not(.split) .endpoint{max-width:44rem}
footer{margin-top:4rem;padding-top:1rem;border-top:1px solid var(--line);color:var(--muted);font-size:.9rem}
.cards{display:grid;gap:1rem;grid-template-columns:repeat(auto-fill,minmax(min(100%,20rem),1fr));max-width:none;padding:0;list-style:none}
.cards li{margin:0;padding:1rem 1.1rem;border:1px solid var(--line);border-radius:8px;background:var(--raised)}
.cards h2{margin:0 0 .25rem;padding:0;border:0;font-size:1.1rem}
.cards p{margin:.25rem 0 0}
@media (max-width:47.99rem){
.stack thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.stack,.stack caption,.stack tbody,.stack tr,.stack th,.stack td{display:block}
.stack tr{padding:.85rem 0;border-bottom:1px solid var(--line)}
.stack th,.stack td,.stack td:not(.wide){padding:.1rem 0;border:0;white-space:normal}
.stack td[data-label]::before{content:attr(data-label) " ";color:var(--muted);font-size:.9em}
.stack td:empty{display:none}
.prices .unit{display:none}
.prices th,.prices td{padding-right:.5rem}
.prices th:last-child,.prices td:last-child{padding-right:0}
}
@media (min-width:48rem){p code,li code{white-space:nowrap}}
@media (min-width:64rem){
.frame.split{display:grid;grid-template-columns:12rem minmax(0,1fr);gap:0 3.5rem}
.contents{position:sticky;top:0;align-self:start;max-height:100vh;margin:0;padding:2.25rem 0;border:0;overflow-y:auto}
.contents ul{flex-direction:column;gap:0}
.contents a{padding:.2rem 0;text-decoration:none}
.contents a:hover{text-decoration:underline}
}
@media print{.top,.contents,.skip{display:none}.frame.split{display:block}pre{white-space:pre-wrap}}
`;
