// Further screens, and parts of them, that both areas have, as one file.
import '../core';

export { Secret, Signing } from './signing';
export { Snippet } from './snippet';
export { default as Tail } from './tail';
export { default as Usage, Meters } from './usage';
