'use strict';
const lang = /^en/.test(navigator.language) ? navigator.language : 'en-GB';
const local = new Intl.DateTimeFormat(lang, {day: 'numeric', month: 'short', year: 'numeric', hour: 'numeric', minute: '2-digit', timeZoneName: 'short'});
for (const time of document.querySelectorAll('time[datetime*=T]')) {
const when = new Date(time.dateTime);
if (!isNaN(when)) { time.title = time.textContent; time.textContent = local.format(when); }
}
const zone = document.getElementById('zone');
if (zone) zone.textContent = 'Times are in your time zone (' + local.resolvedOptions().timeZone + '), days in UTC.';
addEventListener('beforeprint', () => document.querySelectorAll('details').forEach(each => { each.open = true; }));
