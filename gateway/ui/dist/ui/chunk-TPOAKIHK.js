import{a as W}from"./chunk-4TZWDZUM.js";import{c as C,e as x,f as _}from"./chunk-RTB52ZTH.js";import{e as l}from"./chunk-TPKOABNY.js";import{a as p}from"./chunk-JP5PQPTJ.js";import{a as R}from"./chunk-TZCYHYHF.js";import{b as y}from"./chunk-J3ZCALYS.js";import{a as E}from"./chunk-74QCL5JN.js";import{a as v,b as S}from"./chunk-ZRHVIQRE.js";import{g as m,i as w,j as f,s as g}from"./chunk-TIPYKJEI.js";import{d as c,g as i,n as e}from"./chunk-B2AOGRCK.js";var O={"Node.js":`import express from 'express';
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
  .listen(3000);`,Python:`import os
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
    return "", 204  # then do the work, once per webhook-id`,"On this machine":`# An endpoint that verifies and shows what comes
HG_SECRET='whsec_…' hookgate listen --port 9000 --profile standard`};function A({ed25519:n}){let[o,t]=i("Node.js"),r=O[o]??"";return e(c,{children:[e("div",{class:"segments",role:"group","aria-label":"Language",children:Object.keys(O).map(s=>e("button",{type:"button","aria-pressed":s===o,onClick:()=>t(s),children:s},s))}),e("div",{class:"snippet",children:[e("pre",{class:"code",tabIndex:0,"aria-label":`Example in ${o}`,children:r}),e(p,{text:r,label:"Copy the example"})]}),e("p",{class:"hint",children:["For deliveries in the form of ",e("a",{href:"https://www.standardwebhooks.com",target:"_blank",rel:"noreferrer",children:"Standard Webhooks"}),", which is the default. Verify the body as it arrived, before it is parsed.",n&&" This endpoint is signed with Ed25519: verify with the public key, by a library that supports v1a."]})]})}function Q({id:n,tenant:o=null}){let[t,r]=i(),[s,u]=i(),[h,d]=i(!1),b=()=>m("GET",f("subscriptions",n,"secret"),{tenant:o}).then(r).then(()=>u(void 0)).catch(a=>u(w(a)));if(!l("secrets.view")&&!l("secrets.rotate"))return e(v,{title:"Your session does not include secrets",icon:"key",children:["It needs the capability ",e("code",{children:"secrets.view"}),"."]});let k=t?.secret??t?.public_key;return e(c,{children:[e(y,{title:t?.public_key?"Public key":"Signing secret",children:[e("div",{class:"card secret",children:[k?e(T,{value:k}):e("code",{class:"faint",children:t?"the secret of your account signs":"••••••••••••••••••••••••••••••••"}),e("span",{class:"actions",children:[l("secrets.view")&&e("button",{type:"button",class:"button",onClick:()=>t?r(void 0):void b(),children:t?"Hide":"Show"}),l("secrets.rotate")&&e("button",{type:"button",class:"button",onClick:()=>d(!0),children:[e(g,{name:"retry"}),"Rotate"]})]})]}),s&&e(S,{error:s}),t?.previous.map(a=>e("p",{class:"note",children:[e(g,{name:"history"}),e("span",{children:["The secret before it still signs for ",e(D,{until:a.expires??""}),". Until then each delivery has both signatures."]}),a.secret&&e(p,{text:a.secret,label:"Copy the old secret",words:!0})]},a.expires))]}),e(y,{title:"Verify",children:e(A,{ed25519:t?.public_key!==void 0&&t.public_key!==null})}),h&&e(N,{id:n,tenant:o,done:r,onClose:()=>d(!1)})]})}function T({value:n}){return e("span",{class:"secret-value",children:[e("code",{children:n}),e(p,{text:n,label:"Copy",words:!0})]})}var q=[{value:"24h",label:"24 hours"},{value:"1h",label:"1 hour"},{value:"7d",label:"7 days"},{value:"0s",label:"Not at all: the old secret leaked"}];function N({id:n,tenant:o,done:t,onClose:r}){let[s,u]=i("24h"),{busy:h,error:d,submit:b}=x(async()=>{t(await m("POST",f("subscriptions",n,"rotate-secret"),{tenant:o,body:{grace:s}})),E("A new secret signs from now on."),r()});return e(W,{title:"Rotate the secret",onClose:r,actions:e(c,{children:[e("button",{type:"button",class:"button",onClick:r,children:"Cancel"}),e("button",{type:"button",class:"button is-primary",disabled:h,onClick:b,children:"Rotate"})]}),children:[e("p",{children:"A new secret is made and signs at once. During the grace time the old one signs beside it, so that no delivery fails to verify while you change over."}),e(C,{label:"Grace time of the old secret",value:s,onChange:u,options:q}),e(_,{error:d,pointers:[]})]})}function D({until:n}){let o=Math.max(0,Math.round((Date.parse(n)-R.value)/1e3));if(Number.isNaN(o))return e(c,{children:"some time"});let t=s=>String(s).padStart(2,"0"),r=Math.floor(o/86400);return e("strong",{class:"num",children:[r>0&&`${r} d `,t(Math.floor(o/3600)%24),":",t(Math.floor(o/60)%60),":",t(o%60)]})}export{A as a,Q as b,T as c};
