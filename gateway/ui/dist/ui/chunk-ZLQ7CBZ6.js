import{a as e}from"./chunk-TFEJC3TH.js";import{n as r}from"./chunk-B2AOGRCK.js";var o=e(()=>import("./plot-XU4U6LXE.js").then(t=>t.Plot),r("figure",{class:"chart"}));export{o as a};
