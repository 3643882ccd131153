try{let t=localStorage.getItem("hookgate.theme");(t==="light"||t==="dark")&&(document.documentElement.dataset.theme=t)}catch{}
