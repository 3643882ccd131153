// One event, as a file of its own.
import '../core';

export { default } from './event';
