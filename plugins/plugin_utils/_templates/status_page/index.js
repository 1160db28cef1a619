{% include "script.js" %}

{% include "bars.js" %}
