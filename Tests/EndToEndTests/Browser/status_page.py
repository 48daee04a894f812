"""Looks at status pages with Chromium: status_page.py DIRECTORY NAME=URL...

Each page is opened in light and dark, wide and on a phone, with JavaScript and without. Prints a line
for each thing that is wrong and ends with 1 if there was any. Screenshots go to DIRECTORY.
"""

import sys
from urllib.parse import urlsplit

from playwright.sync_api import sync_playwright

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


def main(directory, pages):
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
            for scheme in ("light", "dark"):
                for size, (width, height) in SIZES.items():
                    context = browser.new_context(
                        viewport={"width": width, "height": height},
                        color_scheme=scheme,
                        device_scale_factor=1,
                    )
                    page = context.new_page()
                    view = f"{name}-{scheme}-{size}"
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
        name, url = next(iter(pages.items()))
        with_script(browser, name, url, watch, faults)
        without_script(browser, name, url, watch, faults)
        browser.close()
    for fault in faults:
        print(fault)
    print(" ".join(f"{name}={count}" for name, count in figures.items()))
    return 1 if faults else 0


def with_script(browser, name, url, watch, faults):
    """The page follows the agent without being loaded anew."""
    page = browser.new_page()
    watch(page, f"{name}-script")
    page.goto(url)
    page.evaluate("window.stays = true")
    first = page.inner_text("header .when")
    try:
        page.wait_for_function(
            "first => document.querySelector('header .when').innerText != first", arg=first, timeout=15000
        )
    except Exception as error:
        faults.append(f"{name}: does not update itself: {error}")
    if not page.evaluate("window.stays === true"):
        faults.append(f"{name}: was loaded anew")
    page.close()


def without_script(browser, name, url, watch, faults):
    """Everything is there, and the page is loaded anew now and then."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    watch(page, f"{name}-no-script")
    page.goto(url)
    first = page.inner_text("header .when")
    if page.locator("main section").count() < 8:
        faults.append(f"{name}: parts are missing without JavaScript")
    try:
        page.wait_for_event("framenavigated", timeout=20000)
        page.wait_for_selector("main h1")
        if page.inner_text("header .when") == first:
            faults.append(f"{name}: without JavaScript it shows the old state")
    except Exception as error:
        faults.append(f"{name}: is not loaded anew without JavaScript: {error}")
    context.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], dict(a.split("=", 1) for a in sys.argv[2:])))
