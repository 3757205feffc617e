/** The words in which people ask a camera to move. */

/** What a movement's word means; `move` is any word that says no more than that the camera moves. */
export type Verb = 'zoom' | 'push' | 'pull' | 'dolly' | 'pan' | 'tilt' | 'orbit' | 'move' | 'rise' | 'sink';

/** Every form of each movement's word. */
const FORMS: Readonly<Record<Verb, string>> = {
  zoom: 'zoom zooms zooming zoomed',
  push: 'push pushes pushing',
  pull: 'pull pulls pulling',
  dolly: 'dolly dollies dollying dolly',
  pan: 'pan pans panning panned',
  tilt: 'tilt tilts tilting tilted',
  orbit:
    'orbit orbits orbiting orbital circle circles circling arc arcs arcing revolve revolves revolving rotate rotates rotating',
  move: 'move moves moving movement truck trucks trucking track tracks tracking slide slides sliding drift drifts drifting glide glides gliding travel travels traveling travelling fly flies flying float floats floating crane cranes craning pedestal boom booms jib shift shifts shifting sweep sweeps sweeping',
  rise: 'rise rises rising ascend ascends ascending',
  sink: 'sink sinks sinking descend descends descending lower lowers lowering',
};

/** Movement words by form. */
export const VERBS: ReadonlyMap<string, Verb> = new Map(
  Object.entries(FORMS).flatMap(([verb, forms]) => forms.split(' ').map((form) => [form, verb as Verb])),
);

export type Direction = 'in' | 'out' | 'left' | 'right' | 'up' | 'down';

/** Directions by word. */
export const DIRECTIONS: ReadonlyMap<string, Direction> = new Map(
  Object.entries({
    in: 'in into inward inwards closer toward towards forward forwards ahead on',
    out: 'out outward outwards back backward backwards away',
    left: 'left leftward leftwards anticlockwise counterclockwise',
    right: 'right rightward rightwards clockwise',
    up: 'up upward upwards',
    down: 'down downward downwards',
  }).flatMap(([direction, words]) => words.split(' ').map((word) => [word, direction as Direction])),
);

/** Pace by word. */
export const PACES: ReadonlyMap<string, 'slow' | 'fast'> = new Map(
  Object.entries({
    slow: 'slow slowly slower gentle gently subtle subtly gradual gradually soft softly calm calmly slight slightly leisurely delicate delicately',
    fast: 'fast faster quick quickly rapid rapidly swift swiftly sudden suddenly speedy hectic frantic crash whip',
  }).flatMap(([pace, words]) => words.split(' ').map((word) => [word, pace as 'slow' | 'fast'])),
);

const words = (text: string): ReadonlySet<string> => new Set(text.split(' '));

/** Words that make it the camera that a clause speaks of. */
export const CAMERA = words(
  'camera cameras cam shot shots lens viewpoint viewer pov drone gimbal steadicam footage cinematography',
);

/** Words that turn what follows into what is not wanted. Apostrophes are dropped before. */
export const NEGATIONS = words(
  'no not without never avoid avoiding dont doesnt didnt isnt arent cannot cant wont neither nor none zero exclude excluding',
);

/** Words that may stand between a movement and its direction, or before a movement at the start of a clause. */
export const FILLERS = words(
  'a an the to of with from very bit little more ever so steadily steady smooth smoothly cinematic dramatic dramatically continuous continuously elegant elegantly make do please and or also add use let then all way straight further around round',
);

/** What is static is the camera unless it is one of these. */
export const STATIC = words('static stationary motionless immobile unmoving locked fixed tripod still');

/** Words for a hand that holds the camera. */
export const HANDHELD = words('handheld shaky shakycam wobbly wobbling shakes shake shaking');

/** Where one statement ends and another begins, so that a "no" or a "slowly" reaches no further. */
export const CLAUSE_END =
  /[.,;:!?()[\]{}"\n\u2013\u2014]|\b(?:but|while|whilst|then|as|instead|before|after|until)\b/u;
