// The screens with the form of an endpoint, as one file.
import '../core';

export { default as EditEndpoint } from './edit-endpoint';
export { default as NewEndpoint } from './new-endpoint';
