/// The page's own style and script; nothing is loaded from elsewhere.
enum PageStyle {
  static let css: StaticString = """
    :root{color-scheme:light dark;--paper:#f7f6f2;--card:#fffefb;--ink:#1d2a2a;--soft:#566564;\
    --line:#e2e0d8;--kelp:#0f6b5c;--sand:#9a5b00;--alarm:#b3261e;--fine-bg:#e3f0ea;\
    --attention-bg:#fbeed5;--alarm-bg:#fbe3e0;--in:#0f6b5c;--out:#b06a12;--track:#e6e4dc}
    @media(prefers-color-scheme:dark){:root{--paper:#101718;--card:#172122;--ink:#e4ebe8;\
    --soft:#9fb0ad;--line:#2a3838;--kelp:#6cc7b0;--sand:#e8b35c;--alarm:#ff8f84;\
    --fine-bg:#16302a;--attention-bg:#352a14;--alarm-bg:#3b1c1a;--in:#6cc7b0;--out:#e8b35c;\
    --track:#263334}}
    *{box-sizing:border-box}
    html{font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif;\
    background:var(--paper);color:var(--ink);-webkit-text-size-adjust:100%}
    body{margin:0 auto;max-width:70rem;padding:1.25rem 1.25rem 3rem;font-variant-numeric:tabular-nums}
    header{display:flex;align-items:center;gap:.6rem;margin:0 0 1.1rem;flex-wrap:wrap}
    header svg{width:1.6rem;height:1.6rem;color:var(--kelp);flex:none}
    header b{font-weight:650;letter-spacing:.01em}
    header .id{color:var(--soft);overflow-wrap:anywhere}
    header .when{margin-left:auto;color:var(--soft);font-size:.875rem}
    h1{font-size:clamp(1.7rem,4.6vw,2.6rem);line-height:1.15;letter-spacing:-.02em;margin:0 0 .4rem;\
    font-weight:680;text-wrap:balance}
    h2{font-size:.8125rem;font-weight:600;color:var(--soft);margin:0 0 .6rem;letter-spacing:.02em}
    p{margin:0}
    .hero{border-radius:1rem;padding:1.5rem 1.6rem 1.55rem;margin-bottom:1rem}
    .hero p{max-width:46rem;font-size:1.0625rem}
    .hero ul{margin:.7rem 0 0;padding:0 0 0 1.1rem;max-width:46rem}
    .fine{background:var(--fine-bg)}.fine h1{color:var(--kelp)}
    .attention{background:var(--attention-bg)}.attention h1{color:var(--kelp)}
    .alarm{background:var(--alarm-bg)}.alarm h1{color:var(--alarm)}
    .row{display:grid;gap:1rem;margin-bottom:1rem;grid-template-columns:repeat(6,1fr)}
    .card{background:var(--card);border:1px solid var(--line);border-radius:.85rem;\
    padding:1.1rem 1.2rem 1.15rem;min-width:0;grid-column:span 2}
    .half{grid-column:span 3}.wide{grid-column:1/-1}
    .big{font-size:1.5rem;line-height:1.25;font-weight:620;letter-spacing:-.01em;margin:0 0 .15rem}
    .soft,.card small{color:var(--soft);font-size:.875rem}
    .ok{color:var(--kelp)}.warn{color:var(--sand)}.bad{color:var(--alarm)}
    .links{list-style:none;margin:0;padding:0}
    .links li+li{margin-top:.7rem;padding-top:.7rem;border-top:1px solid var(--line)}
    .links b{font-weight:620;overflow-wrap:anywhere}
    .links small{display:block;overflow-wrap:anywhere}
    .dot{display:inline-block;width:.62em;height:.62em;border-radius:50%;margin-right:.5em;\
    background:currentColor}
    .dot.off{background:none;box-shadow:inset 0 0 0 .16em currentColor}
    .bar{display:block;width:100%;height:.6rem;margin:.55rem 0 .6rem}
    .bar rect{fill:var(--track)}.bar .level{fill:var(--kelp)}
    .bar .warn{fill:var(--sand)}.bar .bad{fill:var(--alarm)}
    table{border-collapse:collapse;width:100%;font-size:.9375rem}
    th{font-weight:500;color:var(--soft);font-size:.8125rem;text-align:left;padding:0 0 .3rem}
    td{padding:.32rem 0;border-top:1px solid var(--line);vertical-align:baseline}
    tbody:first-child tr:first-child td{border-top:0;padding-top:0}
    th+th,td+td{padding-left:1rem}
    .n{text-align:right;white-space:nowrap}
    .t{overflow-wrap:anywhere}
    .mono{font-family:ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;\
    font-size:.84em}
    .chart{display:block;width:100%;height:auto;overflow:visible}
    .chart path{fill:none;stroke-width:2;stroke-linejoin:round;vector-effect:non-scaling-stroke}
    .chart .in{stroke:var(--in)}.chart .out{stroke:var(--out);stroke-dasharray:5 3}
    .chart .fill{fill:var(--in);opacity:.12;stroke:none}
    .chart line{stroke:var(--line);vector-effect:non-scaling-stroke}
    .axis{display:flex;justify-content:space-between;color:var(--soft);font-size:.8125rem}
    .key{display:flex;gap:1.1rem;flex-wrap:wrap;font-size:.875rem;color:var(--soft);margin:.1rem 0 .5rem}
    .key svg{display:inline-block;vertical-align:middle;width:1.4rem;height:.6rem;margin-right:.4rem}
    .key b{color:var(--ink);font-weight:600}
    .log{list-style:none;margin:0;padding:0;font-size:.9375rem}
    .log li{display:grid;grid-template-columns:9.5rem 1fr;gap:.2rem 1rem;padding:.4rem 0;\
    border-top:1px solid var(--line);overflow-wrap:anywhere}
    .log li:first-child{border-top:0;padding-top:0}
    .log time{color:var(--soft);font-size:.875rem}
    dl{margin:0;display:grid;grid-template-columns:max-content 1fr;gap:.3rem 1.2rem;font-size:.9375rem}
    dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
    footer{color:var(--soft);font-size:.875rem;margin-top:1.4rem;display:flex;gap:1.1rem;flex-wrap:wrap}
    a{color:inherit}
    a:focus-visible{outline:2px solid var(--kelp);outline-offset:3px;border-radius:2px}
    #away{display:none;background:var(--alarm-bg);color:var(--alarm);border-radius:.7rem;\
    padding:.6rem 1rem;margin:0 0 1rem}
    .away #away{display:block}.away main{opacity:.55}
    @media(max-width:46rem){body{padding:.9rem .8rem 2rem}.row{grid-template-columns:1fr;gap:.8rem;\
    margin-bottom:.8rem}.card,.half{grid-column:1}.hero{padding:1.15rem 1.1rem 1.2rem}\
    .log li{grid-template-columns:1fr}\
    dl{grid-template-columns:2fr 3fr}header .when{margin-left:0;flex-basis:100%}}

    """

  /// Takes the new page every two seconds and shows its main part: one renderer for both ways.
  static let script: StaticString = """
    (()=>{const load=async()=>{if(document.hidden||!getSelection().isCollapsed)return;\
    try{const answer=await fetch(location.pathname,{cache:"no-store"});\
    if(!answer.ok)throw 0;\
    const text=await answer.text(),end=text.indexOf("</main>");if(end<0)throw 0;\
    const page=new DOMParser().parseFromString(text.slice(text.indexOf("<main>"),end+7),"text/html");\
    const main=page.querySelector("main");\
    document.title=main.querySelector("h1").textContent+" · "+main.querySelector(".id").textContent;\
    document.querySelector("main").replaceWith(main);\
    document.body.classList.remove("away")}\
    catch{document.body.classList.add("away")}};\
    setInterval(load,2000);addEventListener("visibilitychange",load)})()
    """

  static let logo: StaticString = """
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.9" \
    stroke-linecap="round" aria-hidden="true"><path d="M12 2c3 2.5-3 5 0 8s-1 4 0 6"/>\
    <path d="M12 16c-1.5 2.5-4 2-6 5M12 16c-.4 2.4-1.6 3.2-1.6 6M12 16c1.5 2.5 4 2 6 5\
    M12 16c.4 2.4 1.6 3.2 1.6 6"/></svg>
    """

  /// The logo in the colour of the page, for the browser's tab.
  static let icon: StaticString = """
    <link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' \
    viewBox='0 0 24 24' fill='none' stroke='%230f8a75' stroke-width='2.2' stroke-linecap='round'\
    %3E%3Cpath d='M12 2c3 2.5-3 5 0 8s-1 4 0 6M12 16c-1.5 2.5-4 2-6 5M12 16c1.5 2.5 4 2 6 5M12 16v6'\
    /%3E%3C/svg%3E">
    """
}
