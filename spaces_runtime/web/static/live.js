// One event stream a page keeps the stage true; logs follow by the same stream that the clients use.
const head = document.querySelector("[data-live]");

if (head) {
  const source = new EventSource(head.dataset.live);
  let opened = document.querySelector("iframe.frame") !== null;
  source.addEventListener("stage", event => {
    const now = JSON.parse(event.data);
    const word = head.querySelector("[data-word] .stage");
    if (word.textContent !== now.word) {
      word.dataset.stage = now.tone;
      word.lastChild.textContent = now.word;
    }
    for (const place of document.querySelectorAll("[data-why], [data-why-long]")) place.textContent = now.why;
    for (const banner of document.querySelectorAll(".why[data-stage]")) banner.dataset.stage = now.tone;
    for (const strong of document.querySelectorAll("[data-word-long]")) strong.textContent = now.word + ".";
    const app = document.querySelector("main.app");
    if (app && now.opens && !opened) location.reload();
    opened = opened || !app;
  });
}

// Append what comes after the lines that the page was sent with; the stream replays its history from the start.
for (const box of document.querySelectorAll("[data-log]")) {
  const list = box.querySelector("ol");
  let shown = false;
  const source = new EventSource(box.dataset.log);
  source.addEventListener("open", () => { list.replaceChildren(); shown = false; });
  source.addEventListener("message", event => {
    if (!event.data) return;
    const { timestamp, data } = JSON.parse(event.data);
    const line = document.createElement("li");
    const time = Object.assign(document.createElement("time"), { dateTime: timestamp, textContent: timestamp.slice(11, 19) });
    line.append(time, Object.assign(document.createElement("span"), { textContent: data.replace(/\n$/, "") }));
    list.append(line);
    while (list.children.length > 2000) list.firstElementChild.remove();
    const follow = box.closest(".log").querySelector("[data-follow]");
    if (!follow || follow.checked || !shown) box.scrollTop = box.scrollHeight;
    shown = true;
  });
}
