import { describe, expect, it } from 'vitest';
import { type SniffOutcome, sniff } from '../../src/worker/media/sniff.ts';
import { imageCorpus } from '../support/image-corpus.ts';

function verdictOf(outcome: SniffOutcome): string {
  if (!outcome.ok) return outcome.refusal;
  return `${outcome.image.type} ${outcome.image.width}x${outcome.image.height}`;
}

describe('the corpus', () => {
  it('has no file with a wrong verdict', async () => {
    const files = await imageCorpus();
    expect(new Set(files.map(({ name }) => name)).size).toBe(files.length);
    expect(files.length).toBeGreaterThanOrEqual(120);
    const wrong = files
      .map(({ name, bytes, verdict }) => ({ name, verdict, found: verdictOf(sniff(new Uint8Array(bytes))) }))
      .filter(({ verdict, found }) => verdict !== found);
    expect(wrong).toEqual([]);
    console.log(`${files.length} files, ${wrong.length} wrong verdicts`);
  }, 120_000);
});
