// Screens of the gateway itself, as one file.
export { default as Gateway } from './gateway';
export { default as Plugins } from './plugins';
