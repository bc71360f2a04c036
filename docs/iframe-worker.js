// The search of the site when it is opened from disk: a page of file:// gets no Worker from its browser, so a hidden frame
// takes the place of one. Only what the theme's search uses is here: messages there and back.
"use strict";
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      this.inside = new Promise((resolve) => {
        frame.addEventListener("load", () => {
          const { contentWindow: inside, contentDocument: page } = frame;
          inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
          const script = page.createElement("script");
          script.src = url;
          script.addEventListener("load", () => resolve(inside));
          page.body.append(script);
        }, { once: true });
      });
      document.body.append(frame);
    }

    postMessage(data) {
      this.inside.then((inside) => inside.dispatchEvent(new MessageEvent("message", { data })));
    }
  };
}
