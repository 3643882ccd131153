// One delivery, as a file of its own.
import '../core';

export { default } from './delivery';
