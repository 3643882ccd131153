// Code that verifies a delivery, by the libraries of Standard Webhooks.
import { useState } from 'preact/hooks';
import { Copy } from '../parts/copy';

const CODE: Record<string, string> = {
  'Node.js': `import express from 'express';
import { Webhook } from 'standardwebhooks';

const webhook = new Webhook(process.env.WEBHOOK_SECRET);

express()
  .post('/hooks', express.raw({ type: '*/*' }), (request, response) => {
    try {
      webhook.verify(request.body, request.headers);
    } catch {
      return response.sendStatus(401);
    }
    response.sendStatus(204); // then do the work, once per webhook-id
  })
  .listen(3000);`,
  Python: `import os
from flask import Flask, request
from standardwebhooks import Webhook, WebhookVerificationError

app = Flask(__name__)
webhook = Webhook(os.environ["WEBHOOK_SECRET"])

@app.post("/hooks")
def receive():
    try:
        webhook.verify(request.get_data(), request.headers)
    except WebhookVerificationError:
        return "", 401
    return "", 204  # then do the work, once per webhook-id`,
  'On this machine': `# An endpoint that verifies and shows what comes
HG_SECRET='whsec_…' hookgate listen --port 9000 --profile standard`,
};

export function Snippet({ ed25519 }: { ed25519?: boolean }) {
  const [language, setLanguage] = useState('Node.js');
  const code = CODE[language] ?? '';
  return (
    <>
      <div class="segments" role="group" aria-label="Language">
        {Object.keys(CODE).map((name) => (
          <button key={name} type="button" aria-pressed={name === language} onClick={() => setLanguage(name)}>
            {name}
          </button>
        ))}
      </div>
      <div class="snippet">
        <pre class="code" tabIndex={0} aria-label={`Example in ${language}`}>
          {code}
        </pre>
        <Copy text={code} label="Copy the example" />
      </div>
      <p class="hint">
        For deliveries in the form of <a href="https://www.standardwebhooks.com" target="_blank" rel="noreferrer">Standard Webhooks</a>, which is the default. Verify the body as it arrived, before it is parsed.
        {ed25519 && ' This endpoint is signed with Ed25519: verify with the public key, by a library that supports v1a.'}
      </p>
    </>
  );
}
