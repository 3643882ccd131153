// Start: the session first, since its module takes the code of a sign-in link out of the address.
import { startSession } from './base/session';
import './core';
import { render } from 'preact';
import { App } from './app';
import { startEmbed } from './base/embed';
import { area, startRouter } from './base/router';
import { routes as dashboard } from './dashboard/routes';
import { routes as portal } from './portal/routes';

const root = document.getElementById('app');
if (root) {
  startRouter();
  startEmbed();
  render(<App routes={area === 'portal' ? portal : dashboard} />, root);
  void startSession();
}
