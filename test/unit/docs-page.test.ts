import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { pageResponse } from '../../src/worker/docs/layout.ts';
import { docsIndex, docsPage, problemPage } from '../../src/worker/docs/page.ts';
import { PROBLEMS } from '../../src/worker/docs/problems.ts';
import { samples } from '../../src/worker/docs/samples.ts';
import type { DocsConfig } from '../../src/worker/docs/sections.ts';
import { PALETTE } from '../../src/worker/docs/style.ts';
import { JOB_ERROR_CODES, problemSlug } from '../../src/worker/errors.ts';
import { MODELS } from '../../src/worker/models/index.ts';
import type { Model } from '../../src/worker/models/model.ts';
import { EVENT_TYPES } from '../../src/worker/webhooks/types.ts';

const CONFIG: DocsConfig = {
  PUBLIC_URL: 'https://video.example.com',
  PRICES: {},
  INLINE_WAIT_S: 240,
  MAX_BODY_BYTES: 16_777_216,
  MAX_UPLOAD_BYTES: 20_971_520,
  JOB_DEADLINE_S: 3_600,
  RESULT_RETENTION_DAYS: 30,
  INPUT_RETENTION_HOURS: 48,
  FILE_LINK_TTL_S: 86_400,
};

const SERVICE_SHAPE = {
  api_key: z.string().optional().meta({ description: 'The key.' }),
  response_mode: z.enum(['inline', 'polling']).default('inline').meta({ description: 'How to answer.' }),
};

const [ltx] = MODELS as readonly [Model, ...Model[]];

async function htmlOf(model: Model = ltx, config: Partial<DocsConfig> = {}): Promise<string> {
  return (await docsPage(model, SERVICE_SHAPE, { ...CONFIG, ...config })).html;
}

/** What a reader sees of a piece of HTML. */
function textOf(html: string): string {
  return html
    .replace(/<[^>]*>/g, ' ')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&')
    .replace(/\s+/g, ' ')
    .trim();
}

/** The cells of every row of the table with this caption. */
function rowsOf(html: string, caption: string): string[][] {
  const table = html.split('<table').find((part) => part.includes(`<caption>${caption}`)) ?? '';
  return table
    .split(/<tr\b/)
    .slice(1)
    .map((row) =>
      row
        .split(/<t[hd]\b/)
        .slice(1)
        .map((cell) => textOf(`<td${cell.replace(/<\/(t[hd]|tr|thead|tbody|table)>[\s\S]*$/, '')}`)),
    );
}

describe.each(MODELS)('the page of $id', (model) => {
  it('has every field of the schema and of the service, with all that the schema says', async () => {
    const rows = rowsOf(await htmlOf(model), 'Fields of the JSON body');
    const shape = { ...model.shape, ...SERVICE_SHAPE };
    expect(rows.slice(1).map(([name]) => name)).toEqual(Object.keys(shape));
    for (const [name, field] of Object.entries(shape)) {
      const row = rows.find((cells) => cells[0] === name) ?? [];
      const schema = z.toJSONSchema(z.object({ [name]: field }), { io: 'input' });
      const property = (schema.properties?.[name] ?? {}) as z.core.JSONSchema.JSONSchema;
      const required = schema.required?.includes(name) ?? false;
      expect(row[1], name).toBe(`${property.type} ${required ? 'required' : 'optional'}`);
      expect(row[2], name).toBe(property.description);
      for (const value of property.enum ?? []) expect(row[3], name).toContain(JSON.stringify(value));
      if (property.maxLength) expect(row[3]?.replaceAll(',', ''), name).toContain(String(property.maxLength));
      expect(row[4], name).toBe(property.default === undefined ? '' : JSON.stringify(property.default));
    }
  });

  it('has the price of everything that can be made, and of nothing else', async () => {
    const [head = [], perSecond = [], ...rows] = rowsOf(await htmlOf(model), 'Credits and US dollars');
    const resolutions = Object.keys(model.defaultPrices);
    expect(head.slice(1)).toEqual(resolutions);
    expect(rows.length).toBeGreaterThan(0);
    for (const [column, resolution] of resolutions.entries()) {
      const price = model.defaultPrices[resolution] ?? Number.NaN;
      expect(Number(perSecond[column + 1]?.slice(1))).toBe(price / 1_000_000);
      for (const row of rows) {
        const seconds = Number(row[0]?.replace(' s', ''));
        const made = model.rules.every((rule) => rule.holds({ duration: seconds, resolution, fps: 25 }));
        const cost = (price * seconds) / 1_000_000;
        const cell = row[column + 1] ?? '';
        if (!made) expect(cell).toBe('not made');
        else {
          expect(cell).toMatch(new RegExp(`^${Math.ceil((price * seconds) / 10_000)} credits \\$`));
          expect(Number(cell.split('$')[1])).toBeCloseTo(cost, 9);
        }
      }
    }
  });

  it('prints the samples as they run', async () => {
    const html = await htmlOf(model);
    const printed = [...html.matchAll(/<pre[^>]*><code>([\s\S]*?)<\/code>/g)].map(([, code]) =>
      (code ?? '')
        .replaceAll('&lt;', '<')
        .replaceAll('&gt;', '>')
        .replaceAll('&quot;', '"')
        .replaceAll('&#39;', "'")
        .replaceAll('&amp;', '&'),
    );
    const texts = samples(model, {
      baseUrl: CONFIG.PUBLIC_URL,
      apiKey: 'YOUR_API_KEY',
      imageUrl: 'https://example.com/photo.jpg',
    });
    expect(printed.slice(0, 3)).toEqual([texts.curl, texts.python, texts.javascript]);
  });
});

describe('what the mission asks for', () => {
  it('6 s at 1080p is 29 credits, $0.288', async () => {
    const rows = rowsOf(await htmlOf(), 'Credits and US dollars');
    expect(rows.find(([duration]) => duration === '6 s')?.[1]).toBe('29 credits $0.288');
    expect(rows.find(([duration]) => duration === '12 s')?.slice(1)).toEqual([
      '58 credits $0.576',
      'not made',
      'not made',
    ]);
  });

  it('prices come from the configuration where it has them', async () => {
    const html = await htmlOf(ltx, { PRICES: { [ltx.id]: { '1080p': 50_000 } } });
    const rows = rowsOf(html, 'Credits and US dollars');
    expect(rows.find(([duration]) => duration === '6 s')).toEqual([
      '6 s',
      '30 credits $0.300',
      '58 credits $0.576',
      '116 credits $1.152',
    ]);
    expect(html).toContain('&quot;credits_charged&quot;: 30');
  });

  it('times and limits come from the configuration', async () => {
    const text = textOf(
      await htmlOf(ltx, {
        INLINE_WAIT_S: 90,
        MAX_BODY_BYTES: 1_000_000,
        MAX_UPLOAD_BYTES: 2_097_152,
        RESULT_RETENTION_DAYS: 7,
        INPUT_RETENTION_HOURS: 36,
        FILE_LINK_TTL_S: 7_200,
        JOB_DEADLINE_S: 1,
      }),
    );
    for (const part of [
      '90 seconds',
      '1,000,000 bytes',
      '2 MiB',
      '7 days',
      '36 hours',
      '2 hours',
      'after 1 second',
    ]) {
      expect(text).toContain(part);
    }
  });

  it('what an image may be, what ends an event’s tries, and whose a key is, and nothing that there is not', async () => {
    const text = textOf(await htmlOf());
    for (const part of [
      'still and not animated',
      '16,384 pixels a side and 100 megapixels',
      'at least 64 pixels a side',
      'about three quarters of that as an image',
      'Answer 410 when you want no more',
      'Keys of uploads and keys of jobs have nothing to do with each other',
    ]) {
      expect(text).toContain(part);
    }
    expect(text).not.toContain('kept for the log');
  });

  it('every problem, by its status and code, leads to a page of its own', async () => {
    const rows = rowsOf(await htmlOf(), 'Answers that are not 2xx').slice(1);
    expect(rows).toHaveLength(PROBLEMS.length);
    for (const [index, problem] of PROBLEMS.entries()) {
      expect(rows[index]?.slice(0, 2)).toEqual([String(problem.status), problem.code]);
      expect(rows[index]?.[2]).toContain(problem.title);
      const page = await problemPage(problemSlug(problem.code));
      expect(textOf(page?.html ?? '')).toContain(`${problem.status} ${problem.code}`);
    }
    for (const slug of ['', 'nothing', 'insufficient_credits', '__proto__', '../docs']) {
      expect(await problemPage(slug)).toBeNull();
    }
    expect(new Set(PROBLEMS.map(({ code }) => code)).size).toBe(PROBLEMS.length);
  });

  it('every reason of a failed job and every event', async () => {
    const html = await htmlOf();
    expect(
      rowsOf(html, 'Codes of a failed job')
        .slice(1)
        .map(([code]) => code),
    ).toEqual([...JOB_ERROR_CODES]);
    for (const type of EVENT_TYPES) expect(html).toContain(`<code>${type}</code>`);
  });
});

/** Every page that there is. */
async function everyPage(): Promise<[name: string, html: string][]> {
  const pages: [string, string][] = [['index', (await docsIndex(MODELS)).html]];
  for (const model of MODELS) pages.push([model.id, await htmlOf(model)]);
  for (const { code } of PROBLEMS) pages.push([code, (await problemPage(problemSlug(code)))?.html ?? '']);
  return pages;
}

describe('safety', () => {
  it('escapes whatever the catalogue and the configuration say', async () => {
    const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>'&`;
    const model: Model = {
      ...ltx,
      id: evil,
      title: evil,
      summary: evil,
      shape: {
        ...ltx.shape,
        prompt: z.string().meta({ description: evil, example: evil }),
        [evil]: z.enum([evil]).default(evil).meta({ description: evil }),
      },
    };
    const page = await htmlOf(model, { PUBLIC_URL: `https://${evil}` });
    for (const html of [page, (await docsIndex([model])).html]) {
      expect(html).not.toMatch(/<script|<img/);
      expect(html).toContain('&lt;script&gt;');
    }
  });

  it('needs no script, no frame, no inline style and nothing from elsewhere', async () => {
    for (const [name, html] of await everyPage()) {
      const markup = html.replace(/<pre[\s\S]*?<\/pre>/g, '');
      expect(markup, name).not.toMatch(/<(script|iframe|img|form|object|embed|base)\b/i);
      expect(markup, name).not.toMatch(/\s(on\w+|style|src|srcset|action)=/i);
      expect(markup.match(/@import|url\(/g), name).toBeNull();
      const links = [...markup.matchAll(/\shref="([^"]*)"/g)].map(([, href]) => href);
      for (const href of links)
        expect(href, name).toMatch(/^(#|\/|data:,$|https:\/\/www\.standardwebhooks\.com\/$)/);
    }
  });

  it('allows by its policy exactly the style sheet in the page', async () => {
    const { html, headers } = await docsPage(ltx, SERVICE_SHAPE, CONFIG);
    const style = /<style>([\s\S]*?)<\/style>/.exec(html)?.[1] ?? '';
    const hash = createHash('sha256').update(style).digest('base64');
    expect(headers['content-security-policy']).toContain(`style-src 'sha256-${hash}'`);
    expect(headers['content-security-policy']).toMatch(/^default-src 'none';/);
    expect(headers['content-security-policy']).not.toMatch(/unsafe|script-src/);
  });

  it('is answered as HTML', async () => {
    const response = pageResponse(await docsIndex(MODELS));
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
  });
});

describe('structure', () => {
  it('has one h1, no level left out, unique ids, and every link in the page leads somewhere', async () => {
    for (const [name, html] of await everyPage()) {
      const levels = [...html.matchAll(/<h([1-6])\b/g)].map(([, level]) => Number(level));
      const inMain = levels.slice(levels.indexOf(1));
      expect(
        levels.filter((level) => level === 1),
        name,
      ).toHaveLength(1);
      for (const [index, level] of inMain.entries()) {
        expect(level - (inMain[index - 1] ?? level), name).toBeLessThanOrEqual(1);
      }
      const ids = [...html.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id);
      expect(new Set(ids).size, name).toBe(ids.length);
      for (const [, target] of html.matchAll(/href="#([^"]*)"/g)) expect(ids, name).toContain(target);
      expect(html, name).toContain('<html lang="en">');
    }
  });

  it('names every table and every heading cell', async () => {
    const html = await htmlOf();
    const tables = html.match(/<table\b/g)?.length;
    expect(tables).toBe(4);
    expect(html.match(/<caption>[^<]+<\/caption>/g)).toHaveLength(tables ?? 0);
    for (const [cell] of html.matchAll(/<th\b[^>]*>/g)) expect(cell).toMatch(/scope="(row|col)"/);
  });
});

describe('contrast', () => {
  /** Relative luminance by WCAG 2.2. */
  function luminance(colour: string): number {
    const [r = 0, g = 0, b = 0] = [1, 3, 5]
      .map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255)
      .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }

  it.each(['light', 'dark'] as const)('of all text is at least 4.5 in %s', (scheme) => {
    const palette = PALETTE[scheme];
    for (const foreground of ['text', 'muted', 'accent'] as const) {
      for (const background of ['page', 'raised', 'code'] as const) {
        const [dark = 0, bright = 0] = [palette[foreground], palette[background]]
          .map(luminance)
          .sort((a, b) => a - b);
        expect((bright + 0.05) / (dark + 0.05), `${foreground} on ${background}`).toBeGreaterThanOrEqual(4.5);
      }
    }
  });
});
