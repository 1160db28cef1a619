const words = {u: 'Nothing is known', o: 'Operational', m: 'Under maintenance', d: 'Degraded performance', p: 'Partial outage', x: 'Major outage'};
const date = new Intl.DateTimeFormat(lang, {day: 'numeric', month: 'short', timeZone: 'UTC'});
const lasting = m => m < 1 ? 'under a minute' : [m >= 60 && Math.floor(m / 60) + ' h', m % 60 && m % 60 + ' min'].filter(Boolean).join(' ');
for (const bar of document.querySelectorAll('[data-d]')) {
const days = [];
for (const run of bar.dataset.d.split(' ')) {
const parts = run.match(/[a-z]\d+/g);
if ('uo'.includes(run[0])) for (let n = +run.slice(1); n; n--) days.push(words[run[0]]);
else days.push(parts.map(part => words[part[0]] + ' ' + lasting(+part.slice(1))).join(', '));
}
const last = days.length - 1, svg = bar.firstElementChild, shown = bar.nextElementSibling, usual = shown.textContent;
const title = svg.querySelector('title'), cursor = document.createElementNS(svg.namespaceURI, 'rect');
const text = at => date.format(Date.parse(bar.parentNode.parentNode.dataset.last) - (last - at) * 864e5) + ': ' + days[at];
let at = last;
const show = to => {
at = Math.max(0, Math.min(last, to));
cursor.setAttribute('x', at - .15);
svg.append(cursor);
shown.classList.add('x');
shown.textContent = text(at);
bar.setAttribute('aria-valuenow', at);
bar.setAttribute('aria-valuetext', text(at));
};
const hide = () => { cursor.remove(); shown.classList.remove('x'); shown.textContent = usual; };
const under = event => { const box = bar.getBoundingClientRect(); show(Math.floor((event.clientX - box.left) / box.width * days.length)); };
cursor.setAttribute('class', 'k');
cursor.setAttribute('width', 1);
cursor.setAttribute('height', 20);
svg.setAttribute('aria-hidden', 'true');
bar.tabIndex = 0;
for (const [name, value] of Object.entries({role: 'slider', 'aria-label': bar.parentNode.querySelector('b').textContent + ', day by day',
'aria-description': title.textContent, 'aria-valuemin': 0, 'aria-valuemax': last, 'aria-valuenow': last, 'aria-valuetext': text(last)})) bar.setAttribute(name, value);
title.remove();
bar.addEventListener('pointermove', under);
bar.addEventListener('pointerdown', under);
bar.addEventListener('pointerleave', () => { if (document.activeElement !== bar) hide(); });
bar.addEventListener('focus', () => show(at));
bar.addEventListener('blur', hide);
bar.addEventListener('keydown', event => {
const to = {ArrowLeft: at - 1, ArrowDown: at - 1, ArrowRight: at + 1, ArrowUp: at + 1, PageUp: at + 7, PageDown: at - 7, Home: 0, End: last}[event.key];
if (to !== undefined) { event.preventDefault(); show(to); }
});
}
