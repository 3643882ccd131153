// Jobs and what begins them, as one file.
import '../core';

export { Bulk } from './bulk';
export { default as Jobs } from './jobs';
