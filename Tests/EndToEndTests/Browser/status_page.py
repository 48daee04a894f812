"""Looks at status pages with Chromium: status_page.py DIRECTORY VIEWS NAME=URL...

Each page is opened in each of VIEWS (`light-wide,dark-phone`), and once more with JavaScript and once
without to see it follow its agent. Prints a line for each thing that is wrong and ends with 1 if there
was any. Screenshots go to DIRECTORY.
"""

import sys
import time
from urllib.parse import urlsplit

from playwright.sync_api import Error, sync_playwright

SIZES = {"wide": (1180, 900), "phone": (390, 844)}
# WCAG 2.1, 1.4.3: text of at least 24 px, or 18.66 px and bold, is large.
CONTRAST = """
() => {
  const channel = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const parse = c => (c.match(/[\\d.]+/g) || []).map(Number);
  const light = c => { const [r, g, b] = parse(c); return 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b); };
  const faults = [];
  let seen = 0;
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const element = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !element.checkVisibility() || element.closest("script,style,noscript")) continue;
    let back = element, colour = "";
    while (back) {
      colour = getComputedStyle(back).backgroundColor;
      if ((parse(colour)[3] ?? 1) === 1) break;
      back = back.parentElement;
    }
    const style = getComputedStyle(element);
    const [a, b] = [light(style.color), light(colour || "rgb(255,255,255)")].sort((x, y) => y - x);
    const size = parseFloat(style.fontSize);
    const least = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
    seen += 1;
    if ((a + 0.05) / (b + 0.05) < least)
      faults.push(walk.currentNode.data.trim().slice(0, 30) + " " + style.color + " on " + colour);
  }
  return [seen, faults];
}
"""


def main(directory, views, pages):
    faults = []
    figures = {"views": 0, "texts": 0, "requests": 0}

    def watch(page, name):
        def request(request):
            figures["requests"] += 1
            parts = urlsplit(request.url)
            if parts.scheme != "data" and parts.hostname != "127.0.0.1":
                faults.append(f"{name}: asks {request.url}")

        page.on("request", request)
        page.on("console", lambda m: faults.append(f"{name}: console: {m.text}"))
        page.on("pageerror", lambda e: faults.append(f"{name}: error: {e}"))

    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        )
        for name, url in pages.items():
            for look in views:
                scheme, size = look.split("-")
                width, height = SIZES[size]
                context = browser.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme=scheme,
                    device_scale_factor=1,
                )
                page = context.new_page()
                view = f"{name}-{look}"
                watch(page, view)
                page.goto(url)
                page.wait_for_selector("main h1")
                figures["views"] += 1
                over = page.evaluate(
                    "document.documentElement.scrollWidth - document.documentElement.clientWidth"
                )
                if over > 0:
                    faults.append(f"{view}: {over} pixels wider than the screen")
                seen, low = page.evaluate(CONTRAST)
                figures["texts"] += seen
                if seen < 20:
                    faults.append(f"{view}: only {seen} texts")
                faults += [f"{view}: low contrast: {text}" for text in low]
                page.screenshot(path=f"{directory}/{view}.png", full_page=True)
                context.close()
        follow(browser, pages, watch, faults, directory, has_script=True)
        follow(browser, pages, watch, faults, directory, has_script=False)
        browser.close()
    for fault in faults:
        print(fault)
    print(" ".join(f"{name}={count}" for name, count in figures.items()))
    return 1 if faults else 0


def follow(browser, pages, watch, faults, directory, has_script):
    """All pages at once show what is new: by their script, or loaded anew where there is none."""
    kind = "script" if has_script else "no-script"
    opened = {}
    for name, url in pages.items():
        page = browser.new_context(java_script_enabled=has_script).new_page()
        watch(page, f"{name}-{kind}")
        page.goto(url)
        if has_script:
            page.evaluate("window.stays = true")
        else:
            page.screenshot(path=f"{directory}/{name}-{kind}.png", full_page=True)
        if page.locator("main section").count() < 8:
            faults.append(f"{name}-{kind}: parts are missing")
        opened[name] = (page, page.inner_text("header .when"))
    waiting = set(opened)
    deadline = time.monotonic() + 25
    while waiting and time.monotonic() < deadline:
        for name in sorted(waiting):
            page, first = opened[name]
            page.wait_for_timeout(100)
            try:
                texts = page.locator("header .when").all_inner_texts()
            except Error:
                # Between two documents.
                continue
            if texts and texts[0] != first:
                waiting.discard(name)
    faults += [f"{name}-{kind}: shows the old state" for name in sorted(waiting)]
    for name, (page, _) in opened.items():
        if has_script and not page.evaluate("window.stays === true"):
            faults.append(f"{name}: was loaded anew")
        page.context.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2].split(","), dict(a.split("=", 1) for a in sys.argv[3:])))
