/** The page of a picture: shows one moment of the plan at a time, and what belongs to a line or a box. It makes no element and reads no name: it shows and hides what is there. */

const figure = document.querySelector('figure');
const slider = document.querySelector('#moment');
const buttons = [...document.querySelectorAll('.steps button')];
const varying = [...document.querySelectorAll('[data-at]')].map((element) => ({ element, at: new Set(element.dataset.at.split(' ').map(Number)) }));
const [back, forth] = [document.querySelector('#back'), document.querySelector('#forth')];
const last = buttons.length - 1;
let moment = 0;

function show(at) {
  moment = Math.min(Math.max(at, 0), last);
  for (const { element, at: moments } of varying) {
    const isShown = moments.has(moment);
    if (element instanceof SVGElement) {
      if (isShown) element.removeAttribute('display');
      else element.setAttribute('display', 'none');
    } else element.hidden = !isShown;
  }
  slider.value = String(moment);
  slider.setAttribute('aria-valuetext', buttons[moment].title);
  for (const [n, button] of buttons.entries()) {
    if (n === moment) button.setAttribute('aria-current', 'step');
    else button.removeAttribute('aria-current');
  }
  back.disabled = moment === 0;
  forth.disabled = moment === last;
  // Another file of the same browser must not lose its place: no history is written.
  history.replaceState(null, '', `#${moment}`);
}

/** Lights some lines with their ends, and dims all others; none: all are as they were. */
function light(lines) {
  figure.classList.toggle('focused', lines.length > 0);
  const ends = new Set(lines.flatMap((line) => line.dataset.ends.split(' ')));
  const ids = new Set(lines.map((line) => line.dataset.line));
  for (const line of figure.querySelectorAll('[data-line]')) line.classList.toggle('lit', ids.has(line.dataset.line));
  for (const box of figure.querySelectorAll('[data-box]')) box.classList.toggle('lit', ends.has(box.dataset.box));
  for (const note of document.querySelectorAll('.note')) note.setAttribute('aria-pressed', String(ids.size === 1 && ids.has(note.dataset.of)));
}

function linesWhere(test) {
  return [...figure.querySelectorAll('[data-line]')].filter(test);
}

if (slider !== null) {
  slider.addEventListener('input', () => show(Number(slider.value)));
  back.addEventListener('click', () => show(moment - 1));
  forth.addEventListener('click', () => show(moment + 1));
  for (const [n, button] of buttons.entries()) button.addEventListener('click', () => show(n));
  addEventListener('hashchange', () => show(Number(location.hash.slice(1)) || 0));
  show(Number(location.hash.slice(1)) || 0);
}

document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape') light([]);
  if (slider === null || event.target === slider || event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === 'ArrowLeft') show(moment - 1);
  if (event.key === 'ArrowRight') show(moment + 1);
});

document.addEventListener('click', ({ target }) => {
  const note = target.closest('.note');
  if (note !== null) {
    light(note.getAttribute('aria-pressed') === 'true' ? [] : linesWhere((line) => line.dataset.line === note.dataset.of));
    return;
  }
  const part = target.closest('figure [data-line], figure [data-box]');
  if (part !== null)
    light(linesWhere((line) => (part.dataset.line === undefined ? line.dataset.ends.split(' ').includes(part.dataset.box) : line.dataset.line === part.dataset.line)));
  else if (target.closest('figure') !== null) light([]);
});
