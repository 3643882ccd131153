// The screens to look things up in, as one file.
export { default as Catalogue } from './catalogue';
export { default as EventType } from './event-type';
export { default as Usage } from './usage';
