import { describe, expect, it } from 'vitest';
import { admin } from '../support/customer.ts';
import { installHops } from '../support/hops.ts';
import { HOUR_MS, MINUTE_MS, SECOND_MS, World } from './jobs-fixtures.ts';
import { expectKind, grantCredits, jobOf, Links, RECEIVER } from './links-object-fixtures.ts';

async function create(credits = 290) {
  const world = await World.create({ credits });
  return { world, links: await Links.of(world) };
}

describe('an upload to a link with a job', () => {
  it('starts the job, with its picture, price, metadata and webhook', async () => {
    const { world, links } = await create();
    const events = await world.receiver(RECEIVER);
    const metadata = { order: '7' };
    const { id, prompt } = await links.makeWithJob({ metadata, webhookUrl: `${RECEIVER}/hook` });
    const image = await links.picture(id);
    const { link } = expectKind(await links.finish(id, image), 'won');
    expect(link).toMatchObject({ status: 'uploaded', start: 'started', job: { status: 'in_progress' } });
    await world.upstream.saw('submit', prompt);
    expect(await world.sql('SELECT request FROM jobs')).toEqual([
      {
        request: JSON.stringify({
          model: 'ltx-2.3-image-to-video',
          input: jobOf(prompt).input,
          images: { start: { kind: 'stored', key: image.key, type: 'image/png', sha256: image.sha256 } },
          usualMs: jobOf(prompt).usualMs,
          webhookUrl: `${RECEIVER}/hook`,
          metadata,
        }),
      },
    ]);
    await world.quiet();
    await world.callBack(prompt, 'ok');
    await world.quiet();
    const { jobId } = link;
    expect(await world.customer.status(jobId ?? '')).toMatchObject({ status: 'completed', metadata });
    expect(events.map(({ body }) => [body.type, body.data.metadata, body.data.job_id])).toEqual([
      ['upload.completed', metadata, jobId],
      ['job.completed', metadata, jobId],
    ]);
    expect(await world.credits()).toEqual({ available: 261, held: 0, captured: 29 });
    expect((await links.read(id)).job).toMatchObject({ jobId, status: 'completed' });
  });

  it('as the end image goes with the start image of the link', async () => {
    const { world, links } = await create();
    const other = { kind: 'url', url: 'https://images.example.org/start.png' } as const;
    const id = await links.make({ role: 'end', job: { ...jobOf('from here to there'), other } });
    const image = await links.picture(id);
    expectKind(await links.finish(id, image), 'won');
    const [row] = await world.sql<{ request: string }>('SELECT request FROM jobs');
    expect(JSON.parse(row?.request ?? '').images).toMatchObject({
      start: other,
      end: { kind: 'stored', key: image.key },
    });
  });

  it('of a job without a start image cannot even be asked for', async () => {
    const { world, links } = await create();
    const command = await links.command({ role: 'end', job: jobOf('no start') });
    await expect(links.client.createLink(command)).rejects.toThrow('a job needs a start image');
    expect(await world.sql("SELECT name FROM sqlite_schema WHERE name = 'links'")).toEqual([]);
  });

  it('of 1,000 at once leaves one picture, one job and one hold', async () => {
    const { links } = await create();
    const { id } = await links.makeWithJob();
    const outcomes = await Promise.all(Array.from({ length: 1_000 }, () => links.finish(id)));
    const won = outcomes.filter(({ kind }) => kind === 'won');
    expect(won).toHaveLength(1);
    expect(outcomes.filter(({ kind }) => kind === 'lost')).toHaveLength(999);
    const { image, jobId, start } = await links.read(id);
    expect(start).toBe('started');
    expect(await links.jobs()).toEqual({ ids: [jobId], held: 29 });
    for (const outcome of outcomes) expect(outcome).toMatchObject({ link: { image } });
  });

  it('told again and again is one job', async () => {
    const { links } = await create();
    const { id } = await links.makeWithJob();
    const image = await links.picture(id);
    const first = expectKind(await links.finish(id, image), 'won');
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => links.finish(id, image)));
    for (const outcome of outcomes) {
      expect(expectKind(outcome, 'won').link.jobId).toBe(first.link.jobId);
    }
    const again = expectKind(await links.start(id), 'accepted');
    expect([again.job.jobId, again.replayed]).toEqual([first.link.jobId, true]);
    expect(await links.jobs()).toEqual({ ids: [first.link.jobId], held: 29 });
  });
});

describe('without credits', () => {
  it('the picture stays, the link says so, and nothing is held', async () => {
    const { world, links } = await create(0);
    const { id } = await links.makeWithJob();
    const { link } = expectKind(await links.finish(id), 'won');
    expect(link).toMatchObject({ status: 'uploaded', start: 'insufficient_credits' });
    expect(link.jobId).toBeUndefined();
    expect(await links.jobs()).toEqual({ ids: [], held: 0 });
    expect((await world.due()).filter(({ kind }) => kind === 'start')).toEqual([]);
    expect(await links.start(id)).toEqual({ kind: 'insufficient', required: 29, balance: 0 });
    expect((await links.read(id)).start).toBe('insufficient_credits');
  });

  it('the owner starts the job later, twice at once', async () => {
    const { world, links } = await create(28);
    const { id } = await links.makeWithJob();
    expect(expectKind(await links.finish(id), 'won').link.start).toBe('insufficient_credits');
    await grantCredits(world, 1);
    const both = (await Promise.all([links.start(id), links.start(id)])).map((outcome) =>
      expectKind(outcome, 'accepted'),
    );
    expect(new Set(both.map(({ job }) => job.jobId)).size).toBe(1);
    expect(both.map(({ replayed }) => replayed).sort()).toEqual([false, true]);
    expect(await links.jobs()).toEqual({ ids: [both[0]?.job.jobId], held: 29 });
    expect(await links.read(id)).toMatchObject({ start: 'started', jobId: both[0]?.job.jobId });
  });

  it('a double click asks for the price of one job', async () => {
    const { world, links } = await create(29);
    const { id } = await links.makeWithJob();
    const image = await links.picture(id);
    const outcomes = await Promise.all([
      links.finish(id, image),
      links.finish(id, image),
      links.start(id),
      links.start(id),
    ]);
    for (const outcome of outcomes.slice(0, 2)) expectKind(outcome, 'won');
    expect((await links.jobs()).ids).toHaveLength(1);
    expect(await world.credits()).toEqual({ available: 0, held: 29, captured: 0 });
  });

  it('what is too late to start has no picture', async () => {
    const { world, links } = await create(0);
    const { id } = await links.makeWithJob();
    expectKind(await links.finish(id), 'won');
    await grantCredits(world, 290);
    world.clock.advance(48 * HOUR_MS - 1);
    await world.inShard((_, { storage }) => storage.deleteAlarm());
    world.clock.advance(1);
    expect(await links.start(id)).toEqual({ kind: 'picture_gone' });
    expect(await links.jobs()).toEqual({ ids: [], held: 0 });
  });
});

describe('the owner’s order to start', () => {
  it.each([
    ['pending', 0],
    ['expired', HOUR_MS],
  ] as const)('a link that is %s finds no picture', async (status, after) => {
    const { world, links } = await create();
    const { id } = await links.makeWithJob();
    world.clock.advance(after);
    expect(await links.start(id)).toEqual({ kind: 'not_uploaded', status });
  });

  it('a link without a job finds none', async () => {
    const { links } = await create();
    const id = await links.make();
    expectKind(await links.finish(id), 'won');
    expect(await links.start(id)).toEqual({ kind: 'no_job' });
  });
});

describe('while the account cannot be reached', () => {
  it.each(['alarm', 'cron'] as const)('the upload waits, and %s starts its job', async (healer) => {
    const { world, links } = await create();
    const events = await world.receiver(RECEIVER);
    const { id, prompt } = await links.makeWithJob({ webhookUrl: `${RECEIVER}/hook` });
    const hops = installHops();
    hops.fate = (hop) => (hop.to === 'account' ? 'lost' : 'pass');
    const { link } = expectKind(await links.finish(id), 'won');
    expect(link).toMatchObject({ status: 'uploaded', start: 'starting' });
    expect((await world.planned(id))?.kind).toBe('start');
    // Tried in vain.
    await world.ring(31 * SECOND_MS);
    await world.quiet();
    expect((await links.read(id)).start).toBe('starting');
    expect(await links.jobs()).toEqual({ ids: [], held: 0 });
    hops.fate = () => 'pass';
    if (healer === 'alarm') await world.ring(MINUTE_MS);
    else {
      await world.crash({ alarm: false });
      await world.pass(MINUTE_MS);
    }
    await world.quiet();
    const { start, jobId } = await links.read(id);
    expect(start).toBe('started');
    expect(await links.jobs()).toEqual({ ids: [jobId], held: 29 });
    await world.upstream.saw('submit', prompt);
    expect(world.upstream.count('submit', prompt)).toBe(1);
    expect(await world.planned(id)).toBeUndefined();
    expect(events.map(({ body }) => body.type)).toEqual(['upload.completed']);
  });

  it('and the key is revoked meanwhile, the link is revoked and nothing starts', async () => {
    const { world, links } = await create();
    const { account, keyId } = world.customer;
    const other = await admin('POST', `/accounts/${account}/keys`, { name: 'other' });
    const { id } = await links.makeWithJob();
    const hops = installHops();
    hops.fate = (hop) => (hop.to === 'account' && hop.method === 'lease' ? 'lost' : 'pass');
    expect(expectKind(await links.finish(id), 'won').link.start).toBe('starting');
    hops.fate = () => 'pass';
    await admin('DELETE', `/accounts/${account}/keys/${keyId}`);
    await world.pass(MINUTE_MS);
    expect(expectKind(await links.client.openLink(id), 'found').link.status).toBe('revoked');
    expect(await world.planned(id)).toBeUndefined();
    expect(await links.jobs()).toEqual({ ids: [], held: 0 });
    expect(other.id).not.toBe(keyId);
  });

  it('for as long as the picture may be used, its start is given up', async () => {
    const { world, links } = await create();
    // Others' events, whose next try this test's time brings.
    world.installed.receive(RECEIVER, async () => new Response('thanks'));
    const { id } = await links.makeWithJob();
    const hops = installHops();
    hops.fate = (hop) => (hop.to === 'account' && hop.method === 'lease' ? 'lost' : 'pass');
    expectKind(await links.finish(id), 'won');
    await world.pass(49 * HOUR_MS);
    hops.fate = () => 'pass';
    await world.pass(MINUTE_MS);
    expect((await links.read(id)).start).toBe('insufficient_credits');
    expect(await links.jobs()).toEqual({ ids: [], held: 0 });
  });
});
