// Style and script of the page. Whoever changes them puts the new hashes in: tests/fabric/catalog/html_test.cpp says
// what they are.

#include "fabric/catalog/html_text.hpp"

namespace fabric::catalog::html {

const std::string_view kStyle = R"css(
:root{color-scheme:light dark;--back:#f7f7f5;--paper:#fff;--text:#1d2129;--dim:#646b78;--line:#e2e2dd;--soft:#f0f0ec;--link:#1f4fbf;
--warn:#8a4b00;--warn-back:#fdf0d9;--bad:#a3211b;--bad-back:#fde4e1;--tone:38%;--wash:94%;--grey:#8b919c}
@media(prefers-color-scheme:dark){:root{--back:#14161a;--paper:#1c1f25;--text:#e4e6ea;--dim:#9aa2b0;--line:#31353e;--soft:#262a32;
--link:#8fb4ff;--warn:#f4c27a;--warn-back:#3a2c12;--bad:#ff9d94;--bad-back:#431d1a;--tone:70%;--wash:17%;--grey:#7d8492}}
.k0{--hue:217}.k1{--hue:160}.k2{--hue:28}.k3{--hue:280}.k4{--hue:340}.k5{--hue:190}.k6{--hue:90}.k7{--hue:50}
*{box-sizing:border-box}
html{scroll-padding-top:5rem}
body{margin:0;background:var(--back);color:var(--text);font:16px/1.55 system-ui,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
h1,h2,h3,h4,p,ul,ol,dl,dd{margin:0;padding:0}
a{color:var(--link);text-decoration:none}a:hover{text-decoration:underline}
:focus-visible{outline:2px solid var(--link);outline-offset:2px;border-radius:3px}
code,pre{font:.875em/1.5 ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace}
.dim,.none{color:var(--dim)}
.top{position:sticky;top:0;z-index:2;display:flex;flex-wrap:wrap;gap:.5rem 2rem;align-items:center;justify-content:space-between;padding:.75rem 1.5rem;
background:var(--paper);border-bottom:1px solid var(--line)}
.top h1{font-size:1.25rem;line-height:1.3}.top p{font-size:.85rem}.top .dim{margin-left:.5rem}
.search{position:relative;display:flex;align-items:center;flex:0 1 22rem}.search[hidden]{display:none}
.search span{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.search input{width:100%;padding:.45rem .75rem;font:inherit;font-size:.95rem;color:inherit;background:var(--back);border:1px solid var(--line);border-radius:6px}
.search output{position:absolute;right:2.2rem;font-size:.8rem;color:var(--dim);pointer-events:none}
.page{display:grid;grid-template-columns:15rem minmax(0,1fr);gap:2.5rem;max-width:84rem;margin:0 auto;padding:1.5rem}
nav{position:sticky;top:5rem;align-self:start;max-height:calc(100vh - 6rem);overflow:auto;font-size:.9rem}
nav>a{display:block;padding:.15rem 0;color:var(--text)}
nav div{margin:.9rem 0}
nav .context{display:block;overflow-wrap:anywhere;font-weight:600;color:hsl(var(--hue) 65% var(--tone))}
nav ul{list-style:none;border-left:2px solid hsl(var(--hue) 45% 50%/.35);margin-top:.25rem}
nav li a{display:block;padding:.1rem .7rem;color:var(--text);overflow-wrap:anywhere}
nav li a.old{color:var(--dim);text-decoration:line-through}
nav li a.command::after{content:" command";color:var(--dim);font-size:.75rem}
main>section{margin-bottom:3.5rem}
h2{font-size:1.35rem;line-height:1.3;margin-bottom:.6rem}h2 a{color:inherit}
.legend{display:flex;flex-wrap:wrap;gap:.4rem .9rem;font-size:.85rem;margin-bottom:.8rem;align-items:center}
.key{padding:.05rem .7rem;border:1.5px solid var(--grey);color:var(--dim)}.key.service{border-radius:4px;background:var(--soft)}.key.event{border-radius:1rem}
.key.command{border-style:dashed}
.swatch{color:inherit}.swatch::before{content:"";display:inline-block;width:.7rem;height:.7rem;border-radius:50%;margin-right:.35rem;background:hsl(var(--hue) 65% var(--tone))}
.graph{overflow:auto;max-height:80vh;background:var(--paper);border:1px solid var(--line);border-radius:10px}
.graph svg{display:block;margin:0 auto}.graph svg.fit{max-width:100%;min-width:60rem;height:auto}
.graph text{font-size:12.5px;text-anchor:middle;dominant-baseline:central;fill:var(--text)}
.node rect,.node polygon{fill:hsl(var(--hue) 60% var(--wash));stroke:hsl(var(--hue) 60% var(--tone));stroke-width:1.4}
.node.service rect{fill:var(--soft);stroke:var(--grey)}.node.service text{font-weight:600}
.node.old rect,.node.old polygon{stroke-dasharray:3 3}.node.old text{fill:var(--dim)}
.node:hover{text-decoration:none}.node:hover rect,.node:hover polygon{stroke-width:2.6}
.edge{fill:none;stroke:hsl(var(--hue) 40% 55%/.75);stroke-width:1.4}.edge.ask{stroke-dasharray:5 4}
#tip path{fill:var(--grey)}
svg.lit .edge{opacity:.12}svg.lit .edge.on{opacity:1;stroke-width:2.2}svg.lit .node{opacity:.35}svg.lit .node.on{opacity:1}
.context>h2{color:hsl(var(--hue) 65% var(--tone));padding-top:.5rem;border-top:3px solid hsl(var(--hue) 60% 50%)}
.card{margin-top:1.25rem;padding:1.1rem 1.3rem;background:var(--paper);border:1px solid var(--line);border-left:4px solid hsl(var(--hue) 60% 50%/.8);border-radius:8px}
.card:target{box-shadow:0 0 0 2px hsl(var(--hue) 65% 50%/.55)}
.card[hidden],section[hidden],li[hidden],nav div[hidden]{display:none}
.card>header{display:flex;flex-wrap:wrap;align-items:center;gap:.35rem .5rem;margin-bottom:.35rem}
h3{font-size:1.1rem;margin-right:.3rem;overflow-wrap:anywhere}h3 a{color:inherit}
.badge{padding:.05rem .55rem;font-size:.75rem;line-height:1.5;border-radius:1rem;background:var(--soft);color:var(--dim);white-space:nowrap}
.badge.event,.badge.command{background:hsl(var(--hue) 60% var(--wash));color:hsl(var(--hue) 65% var(--tone))}.badge.command{border-radius:3px}
.badge.warn{background:var(--warn-back);color:var(--warn)}.badge.bad{background:var(--bad-back);color:var(--bad)}
.notice{margin:.7rem 0;padding:.6rem .9rem;background:var(--warn-back);color:var(--warn);border-radius:6px;font-size:.92rem}
.notice a{color:inherit;text-decoration:underline}
.traffic{display:grid;grid-template-columns:minmax(8rem,1fr) minmax(0,3fr);gap:1rem 1.5rem;margin:.9rem 0}
h4{font-size:.75rem;font-weight:600;letter-spacing:.03em;color:var(--dim);margin-bottom:.3rem}
.who{display:inline-block;padding:.05rem .6rem;border-radius:4px;background:var(--soft);color:var(--text);font-size:.9rem;font-weight:600;margin:0 .25rem .25rem 0;overflow-wrap:anywhere}
.to ul{list-style:none}
.to li{display:grid;grid-template-columns:minmax(6.5rem,11rem) minmax(0,1fr);gap:0 .7rem;align-items:baseline;padding:.25rem 0;border-top:1px solid var(--line)}
.to li:first-child{border-top:0;padding-top:0}.to li .who{justify-self:start}
.reads{font-size:.9rem;color:var(--dim)}.reads code{color:var(--text)}.reads code,dd code,td code{padding:.05rem .3rem;background:var(--soft);border-radius:3px;overflow-wrap:anywhere}
.sla{grid-column:2;font-size:.82rem;color:var(--dim)}
dl{display:flex;flex-wrap:wrap;gap:.4rem 1.8rem;font-size:.9rem;margin:.9rem 0 .4rem}
dt{font-size:.75rem;font-weight:600;letter-spacing:.03em;color:var(--dim)}
details{margin-top:.5rem}
summary{cursor:pointer;font-size:.92rem;font-weight:600}summary .dim{font-weight:400;margin-left:.3rem}
details details{margin:.5rem 0 0 1rem}
.versions{list-style:none}
pre{margin:.6rem 0 0;padding:.8rem 1rem;background:var(--soft);border-radius:6px;overflow:auto;max-height:30rem}
.wide{overflow-x:auto;margin-top:.5rem}
table{border-collapse:collapse;font-size:.9rem;min-width:100%}
th,td{text-align:left;vertical-align:top;padding:.4rem 1.2rem .4rem 0;border-bottom:1px solid var(--line)}
thead th{font-size:.75rem;letter-spacing:.03em;color:var(--dim);font-weight:600;white-space:nowrap}
td .who{overflow-wrap:normal;white-space:nowrap}
tr:target th{color:var(--link)}
.must{margin-left:.4rem;font-size:.72rem;color:var(--dim)}
.links a{display:inline-block;margin-right:.8rem}
@media(max-width:60rem){.page{grid-template-columns:minmax(0,1fr);gap:1.5rem;padding:1rem}nav{display:none}}
@media(max-width:36rem){html{scroll-padding-top:1rem}.top{position:static;padding:.75rem 1rem}.search{flex-basis:100%}.top .dim{display:block;margin:0}
.traffic{grid-template-columns:minmax(0,1fr)}.card{padding:.9rem 1rem}.to li{grid-template-columns:minmax(0,1fr)}.sla{grid-column:1}details details{margin-left:.3rem}}
@media print{nav,.search{display:none}.top{position:static}.page{display:block}.card{break-inside:avoid}}
)css";

// Searches cards and menu; lights the neighbours of a node under the pointer.
const std::string_view kScript = R"js(
(() => {
  const all = (query, root = document) => [...root.querySelectorAll(query)];
  const box = document.querySelector(".search"), input = box.querySelector("input"), count = box.querySelector("output");
  const cards = all(".card");
  const search = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = new Set();
    for (const card of cards) {
      card.hidden = !words.every((word) => card.dataset.find.includes(word));
      if (!card.hidden) shown.add(card.id);
    }
    for (const item of all("nav li")) item.hidden = !shown.has(item.dataset.for);
    for (const group of [...all("section.context"), ...all("nav div")])
      group.hidden = words.length > 0 && all(".card, li[data-for]", group).every((one) => one.hidden);
    for (const other of all("#overview, #deprecated, #services")) other.hidden = words.length > 0;
    count.textContent = words.length > 0 ? `${shown.size} of ${cards.length}` : "";
  };
  const clear = () => { input.value = ""; search(); };
  box.hidden = false;
  input.addEventListener("input", search);
  input.addEventListener("keydown", (event) => { if (event.key === "Escape") clear(); });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== input) { event.preventDefault(); input.focus(); }
  });
  // A link to what the search hides shows everything again.
  addEventListener("hashchange", () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.closest("[hidden]")) { clear(); target.scrollIntoView(); }
  });
  search();
  const svg = document.querySelector(".graph svg");
  const edges = all(".edge", svg), nodes = all(".node", svg);
  const light = (node) => {
    const near = new Set([node.dataset.n]);
    for (const edge of edges) {
      const on = edge.dataset.a === node.dataset.n || edge.dataset.b === node.dataset.n;
      edge.classList.toggle("on", on);
      if (on) near.add(edge.dataset.a).add(edge.dataset.b);
    }
    for (const other of nodes) other.classList.toggle("on", near.has(other.dataset.n));
    svg.classList.add("lit");
  };
  for (const node of nodes) {
    for (const name of ["pointerenter", "focus"]) node.addEventListener(name, () => light(node));
    for (const name of ["pointerleave", "blur"]) node.addEventListener(name, () => svg.classList.remove("lit"));
  }
})();
)js";

const std::string_view kStyleHash = "sha256-P8kMSJIUiBVcVDtLJFBXa5VzY9RUrI/YtlsvQDkMA6E=";
const std::string_view kScriptHash = "sha256-skUEo4IYAPtawK7jYIsGpW5xi+bFTleCiqiKw/MHIN8=";

}  // namespace fabric::catalog::html
