/** Which FFmpeg encodes: `FFMPEG_PATH`, else the system's from version 5 on, else the one from npm. */

import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';

/** An FFmpeg that has libx264 and an AAC encoder. */
export interface Ffmpeg {
  readonly path: string;
  /** As the executable says it. */
  readonly version: string;
  readonly source: 'FFMPEG_PATH' | 'system' | 'npm';
}

/** No FFmpeg can be used. The message says why and what to do. */
export class NoFfmpegError extends Error {
  override name = 'NoFfmpegError';
}

/** The first release from which a system's FFmpeg is preferred to the one from npm. */
const MIN_MAJOR = 5;

/** The copyright year in the banner of release 5.0, by which builds without a release number are judged. */
const MIN_YEAR = 2022;

/** `ffmpeg -version` takes some 30 ms; a cold disk or a virus scanner takes longer. */
const PROBE_TIMEOUT_MS = 20_000;

/** What the banner of `ffmpeg -version` says. */
export interface Banner {
  readonly version: string;
  /** Missing where the build names a git revision. */
  readonly major: number | undefined;
  readonly year: number | undefined;
}

/** Reads the first line of `ffmpeg -version`; `undefined` where that is no FFmpeg. */
export function readBanner(output: string): Banner | undefined {
  const version = /^ffmpeg version (\S+)/.exec(output)?.[1];
  if (version === undefined) return undefined;
  // 6.1.1, n5.1.2, 5.1.9-0+deb12u1, 4.1-static; but N-109542-g1bf1beb and git-2020-… have no release number.
  const major = /^n?(\d+)\./.exec(version)?.[1];
  const year = /^ffmpeg version [^\n]*\(c\) \d+-(\d{4})/.exec(output)?.[1];
  return {
    version,
    major: major === undefined ? undefined : Number(major),
    year: year === undefined ? undefined : Number(year),
  };
}

/** Whether a system's FFmpeg is new enough. */
export function isRecent(banner: Banner): boolean {
  return banner.major === undefined ? (banner.year ?? 0) >= MIN_YEAR : banner.major >= MIN_MAJOR;
}

/** Which of the encoders that we need a list from `ffmpeg -encoders` lacks. */
export function missingEncoders(list: string): string[] {
  return ['libx264', 'aac'].filter((name) => !new RegExp(`^ [VA]\\S+ ${name} `, 'm').test(list));
}

let found: Promise<Ffmpeg> | undefined;

/**
 * Finds the FFmpeg to use, once per process.
 *
 * @throws {NoFfmpegError} Also where `FFMPEG_PATH` is set and unusable: a choice that was made is not replaced silently.
 */
export function findFfmpeg(): Promise<Ffmpeg> {
  if (!found) {
    found = searchFfmpeg(process.env.FFMPEG_PATH);
    // A failure is looked into again: it may have been mended meanwhile.
    found.catch(() => {
      found = undefined;
    });
  }
  return found;
}

/**
 * The search behind `findFfmpeg`.
 *
 * @param chosen The value of `FFMPEG_PATH`.
 * @param system The system's command.
 * @param packaged Path of the executable from npm, `null` where there is none for this platform.
 */
export async function searchFfmpeg(
  chosen: string | undefined,
  system = 'ffmpeg',
  packaged = packagedFfmpeg(),
): Promise<Ffmpeg> {
  if (chosen) {
    const probed = await probe(chosen);
    if ('problem' in probed) {
      throw new NoFfmpegError(`FFMPEG_PATH names ${chosen}, which cannot be used: ${probed.problem}.`);
    }
    return { path: chosen, version: probed.banner.version, source: 'FFMPEG_PATH' };
  }
  const tried: string[] = [];
  const own = await probe(system);
  if ('problem' in own) tried.push(`the system's ${system}: ${own.problem}`);
  else if (isRecent(own.banner)) return { path: system, version: own.banner.version, source: 'system' };
  else tried.push(`the system's ${system}: version ${own.banner.version} is older than ${MIN_MAJOR}`);

  if (packaged === null) tried.push('@ffmpeg-installer/ffmpeg: not installed, or not made for this platform');
  else {
    const probed = await probe(packaged);
    if (!('problem' in probed)) return { path: packaged, version: probed.banner.version, source: 'npm' };
    tried.push(`@ffmpeg-installer/ffmpeg: ${probed.problem}`);
  }
  throw new NoFfmpegError(
    `No FFmpeg was found to encode with (${tried.join('; ')}). Install FFmpeg ${MIN_MAJOR} or later with libx264, ` +
      'or set FFMPEG_PATH to its executable, or run `npm install` again with optional dependencies.',
  );
}

/** The executable that came with npm. The package throws a string where it has none for the platform. */
function packagedFfmpeg(): string | null {
  try {
    const { path } = createRequire(import.meta.url)('@ffmpeg-installer/ffmpeg') as { path: string };
    return path;
  } catch {
    return null;
  }
}

/** Runs an executable to see whether it is an FFmpeg with the encoders that we need. */
async function probe(path: string): Promise<{ banner: Banner } | { problem: string }> {
  const [version, encoders] = await Promise.all([
    run(path, ['-version']),
    run(path, ['-hide_banner', '-encoders']),
  ]);
  if (version.error) return { problem: version.error };
  const banner = readBanner(version.stdout);
  if (!banner) return { problem: 'it does not say that it is FFmpeg' };
  if (encoders.error) return { problem: encoders.error };
  const missing = missingEncoders(encoders.stdout);
  return missing.length === 0 ? { banner } : { problem: `it has no encoder ${missing.join(', no ')}` };
}

/** Runs a command to its end. */
function run(path: string, args: readonly string[]): Promise<{ stdout: string; error?: string }> {
  return new Promise((resolve) => {
    execFile(path, args, { timeout: PROBE_TIMEOUT_MS, killSignal: 'SIGKILL' }, (cause, stdout) => {
      if (!cause) return resolve({ stdout });
      resolve({ stdout, error: cause.code === 'ENOENT' ? 'not found' : `it does not run (${cause.code})` });
    });
  });
}
