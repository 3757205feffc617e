/** Reads from a prompt how the camera is to move. Pure. */

import {
  CAMERA,
  CLAUSE_END,
  DIRECTIONS,
  type Direction,
  FILLERS,
  HANDHELD,
  NEGATIONS,
  PACES,
  STATIC,
  VERBS,
} from './vocabulary.ts';

/** How the camera moves. */
export interface Motion {
  readonly zoom: 'in' | 'out' | 'none';
  /** -1 to the left, 1 to the right. */
  readonly x: -1 | 0 | 1;
  /** -1 upwards, 1 downwards. */
  readonly y: -1 | 0 | 1;
  /** Sideways on an arc, as around the subject. */
  readonly arc: boolean;
  readonly handheld: boolean;
  readonly speed: 'slow' | 'normal' | 'fast';
}

const STILL: Motion = { zoom: 'none', x: 0, y: 0, arc: false, handheld: false, speed: 'normal' };

/** What a prompt that says nothing of the camera gets: a still image that does not move at all looks broken. */
const GENTLE: Motion = { ...STILL, zoom: 'in', speed: 'slow' };

/** How many words a "no" reaches: "without any kind of camera movement". */
const NEGATION_REACH = 5;

/** How many words may lie between a movement and its direction: "pans from the left to the right". */
const DIRECTION_REACH = 7;

/** What has been read so far. */
interface Reading {
  zoom?: 'in' | 'out';
  x?: -1 | 1;
  y?: -1 | 1;
  arc: boolean;
  handheld: boolean;
  speed?: 'slow' | 'fast' | undefined;
  /** The camera is said to stand still: plainly, or in words that may be about the subject. */
  stands: 'no' | 'perhaps' | 'surely';
  /** Zooming is ruled out. */
  noZoom: boolean;
}

/** Words of one clause. */
type Clause = readonly string[];

/** Reads a prompt in English; any other gets the gentle push-in. */
export function readMotion(prompt: string): Motion {
  const reading: Reading = { arc: false, handheld: false, stands: 'no', noZoom: false };
  let carried = false;
  for (const clause of clausesOf(prompt)) {
    // "no zoom, pan or tilt": a bare list goes on with what was ruled out.
    const ruledOut: boolean = carried && clause.every((word) => VERBS.has(word) || FILLERS.has(word));
    clause.forEach((word, at) => {
      readWord(reading, clause, at, word, ruledOut || isNegated(clause, at));
    });
    carried = ruledOut || clause.some((word, at) => VERBS.has(word) && isNegated(clause, at));
  }
  return decide(reading);
}

/** One motion from all that was read. */
function decide(reading: Reading): Motion {
  const moves = reading.zoom !== undefined || reading.x !== undefined || reading.y !== undefined;
  if (reading.stands === 'surely' || (reading.stands === 'perhaps' && !moves)) {
    return { ...STILL, handheld: reading.handheld };
  }
  if (!moves && !reading.handheld) return reading.noZoom ? STILL : GENTLE;
  return {
    zoom: reading.zoom ?? (reading.arc && !reading.noZoom ? 'in' : 'none'),
    x: reading.x ?? 0,
    y: reading.y ?? 0,
    arc: reading.arc,
    handheld: reading.handheld,
    speed: reading.speed ?? 'normal',
  };
}

function clausesOf(prompt: string): Clause[] {
  return prompt
    .toLowerCase()
    .replaceAll(/['\u2019]/gu, '')
    .replaceAll(/hand[\s-]held/gu, 'handheld')
    .split(CLAUSE_END)
    .map((clause) => clause.match(/[\p{L}\d]+/gu) ?? [])
    .filter((clause) => clause.length > 0);
}

/** Whether the word at `at` is ruled out by a "no" before it. "not only" rules nothing out. */
function isNegated(clause: Clause, at: number): boolean {
  return clause.some(
    (word, index) =>
      index < at && at - index <= NEGATION_REACH && NEGATIONS.has(word) && clause[index + 1] !== 'only',
  );
}

/** Whether a movement is the camera's: the clause names it, or begins with the movement ("slowly push in"). */
function isCameras(clause: Clause, at: number): boolean {
  return (
    clause.some((word) => CAMERA.has(word)) ||
    clause.slice(0, at).every((word) => FILLERS.has(word) || PACES.has(word) || NEGATIONS.has(word))
  );
}

/** The direction that a movement's word is followed by; of "from left to right" the last. */
function directionAfter(clause: Clause, at: number): Direction | undefined {
  let found: Direction | undefined;
  for (const word of clause.slice(at + 1, at + 1 + DIRECTION_REACH)) {
    const direction = DIRECTIONS.get(word);
    if (direction === undefined && !PACES.has(word) && (!FILLERS.has(word) || word === 'and')) break;
    // "out from in front": once a direction is said, only "from … to …" can change it.
    if (direction !== undefined && (found === undefined || clause[at + 1] === 'from')) found = direction;
  }
  return found;
}

/** Takes in one word. */
function readWord(reading: Reading, clause: Clause, at: number, word: string, negated: boolean): void {
  if (HANDHELD.has(word)) {
    const shakes = word === 'handheld' || isCameras(clause, at);
    if (shakes && !negated) reading.handheld = true;
    return;
  }
  if (STATIC.has(word)) {
    if (!negated) readStatic(reading, clause, at);
    return;
  }
  const verb = VERBS.get(word) ?? (word === 'motion' && clause[at + 1] !== 'blur' ? 'move' : undefined);
  if (verb === undefined) return;
  if (negated) {
    if (verb === 'zoom') reading.noZoom = true;
    if (verb === 'move' && clause.some((other) => CAMERA.has(other))) reading.stands = 'surely';
    else if (verb === 'move' && isCameras(clause, at) && reading.stands === 'no') reading.stands = 'perhaps';
    return;
  }
  const cameras = isCameras(clause, at);
  const direction = directionAfter(clause, at);
  let moved = true;
  if (verb === 'zoom') reading.zoom ??= direction === 'out' ? 'out' : 'in';
  else if (verb === 'orbit' && cameras) {
    reading.arc = true;
    reading.x ??= direction === 'left' ? -1 : 1;
  } else if (verb === 'rise' && cameras) reading.y ??= -1;
  else if (verb === 'sink' && cameras) reading.y ??= 1;
  else if (direction !== undefined && (cameras || (verb !== 'push' && verb !== 'pull' && verb !== 'move'))) {
    // "the pan on the stove" says nothing of the camera.
    if ((direction === 'in' || direction === 'out') && (verb === 'pan' || verb === 'tilt')) moved = false;
    else go(reading, direction);
  } else if (verb === 'dolly' && cameras) reading.zoom ??= 'in';
  else if (verb === 'pan' && (cameras || word !== 'pan')) reading.x ??= 1;
  else if (verb === 'tilt' && cameras) reading.y ??= -1;
  else moved = false;
  if (moved) reading.speed ??= paceNear(clause, at);
}

/** Goes in a direction unless that axis has been decided. */
function go(reading: Reading, direction: Direction): void {
  if (direction === 'in' || direction === 'out') reading.zoom ??= direction;
  else if (direction === 'left' || direction === 'right') reading.x ??= direction === 'left' ? -1 : 1;
  else reading.y ??= direction === 'up' ? -1 : 1;
}

/** Takes in a word such as "static". */
function readStatic(reading: Reading, clause: Clause, at: number): void {
  const word = clause[at];
  if (clause.some((other) => CAMERA.has(other))) {
    // "the camera still follows her"
    if (word !== 'still' || at === clause.length - 1 || CAMERA.has(clause[at + 1] ?? ''))
      reading.stands = 'surely';
  } else if (reading.stands === 'no' && at === clause.length - 1 && (word !== 'still' || at <= 1)) {
    reading.stands = 'perhaps';
  }
}

/** The nearest word of pace in a clause. */
function paceNear(clause: Clause, at: number): 'slow' | 'fast' | undefined {
  let nearest: { pace: 'slow' | 'fast'; distance: number } | undefined;
  clause.forEach((word, index) => {
    const pace = PACES.get(word);
    const distance = Math.abs(index - at);
    if (pace && (!nearest || distance < nearest.distance)) nearest = { pace, distance };
  });
  return nearest?.pace;
}
