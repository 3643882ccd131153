import{b as s}from"./chunk-RZDHJBPV.js";import{j as n,l as a}from"./chunk-TIPYKJEI.js";var o=t=>({type:t.type,timestamp:t.created,data:t.data});function p({url:t,delivery:e,event:i}){return`id=${r(e.event)}
timestamp=$(date +%s)
body=${r(JSON.stringify(o(i)))}
key=$(printf %s "\${HG_SECRET#whsec_}" | base64 -d | od -An -tx1 | tr -d ' \\n')
signature=$(printf %s "$id.$timestamp.$body" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64)
curl -X POST ${r(t)} -H 'content-type: application/json' \\
  -H "webhook-id: $id" -H "webhook-timestamp: $timestamp" -H "webhook-signature: v1,$signature" --data-raw "$body"
`}function d(t){return`timestamp=…   # the header webhook-timestamp of the request
key=$(printf %s "\${HG_SECRET#whsec_}" | base64 -d | od -An -tx1 | tr -d ' \\n')
{ printf %s "${t}.$timestamp."; cat body.json; } |
  openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64 | sed 's/^/v1,/'
`}var m=(t,e)=>`HG_SECRET=whsec_… hookgate listen --port ${e}${t==="standard"?"":` --profile ${t}`}`,r=t=>`'${t.replaceAll("'","'\\''")}'`;function u(t){return s(a==="dashboard"&&t?n("tenants",t):null).data?.profile}export{o as a,p as b,d as c,m as d,u as e};
