// The endpoints and one of them, as one file.
import '../core';

export { default as Endpoint } from './endpoint';
export { default as Endpoints } from './endpoints';
