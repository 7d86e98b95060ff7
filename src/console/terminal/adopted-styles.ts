/**
 * xterm.js under the page's policy.
 *
 * It writes style sheets into `<style>` elements and colours into `style`
 * attributes, and has no option for either; `style-src 'self'` forbids both,
 * and permits the same by CSSOM. So while a terminal is shown, the page makes
 * elements for it whose text is adopted as a sheet, and whose `style` is set
 * property by property.
 *
 * @see https://www.w3.org/TR/CSP3/#directive-style-src
 * @see https://github.com/xtermjs/xterm.js/issues/4445
 */

/** @returns how to end that, and take the sheets away */
export function adoptStyles(page: Document): () => void {
  const create = page.createElement.bind(page);
  const sheets = new Set<CSSStyleSheet>();
  const make = (name: string, options?: ElementCreationOptions): HTMLElement => {
    if (name === 'style') {
      const sheet = new CSSStyleSheet();
      sheets.add(sheet);
      page.adoptedStyleSheets.push(sheet);
      return sheetElement(create('template'), sheet);
    }
    const element = create(name, options);
    // What xterm.js draws characters with.
    if (name === 'span') element.setAttribute = setAttribute;
    return element;
  };
  page.createElement = make;
  return () => {
    // Its own again, which was there all the time.
    delete (page as { createElement?: unknown }).createElement;
    page.adoptedStyleSheets = page.adoptedStyleSheets.filter((each) => !sheets.has(each));
  };
}

/** Stands where the sheet would, and hands its text on. */
const sheetElement = (element: HTMLElement, sheet: CSSStyleSheet): HTMLElement =>
  Object.defineProperty(element, 'textContent', {
    set(text: string) {
      sheet.replaceSync(text);
    },
  });

function setAttribute(this: HTMLElement, name: string, value: string): void {
  if (name === 'style') this.style.cssText = value;
  else Element.prototype.setAttribute.call(this, name, value);
}
