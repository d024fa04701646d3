"""Scripts for the browser: which conversation a page shows.

The conversation's id lives in the address, so that a reload, a bookmark or a second tab shows the same one; the
browser remembers the last one for a visit without it. Each script returns the id as the hidden field's new value.
"""

from __future__ import annotations

_FRESH = "Array.from(crypto.getRandomValues(new Uint8Array(6)), n => n.toString(16).padStart(2, '0')).join('')"


def _script(find: str, how: str) -> str:
    return f"""(chosen) => {{
  const url = new URL(window.location);
  const id = {find};
  url.searchParams.set('session', id);
  window.history.{how}(null, '', url);
  try {{ window.localStorage.setItem('automl-session', id); }} catch (refused) {{ }}
  return [id];
}}"""


_REMEMBERED = (
    "(() => { try { return window.localStorage.getItem('automl-session'); } catch (refused) { return null; } })()"
)

# On a phone the sidebar would cover the page: it starts closed there.
_FOLD = "if (window.innerWidth < 760) setTimeout(() => document.querySelector('#sidebar .toggle-button')?.click(), 60);"

FIND_ID = _script(
    "[url.searchParams.get('session'), "
    + _REMEMBERED
    + "].find(s => /^[A-Za-z0-9_-]{1,64}$/.test(s || '')) || "
    + _FRESH,
    "replaceState",
).replace("return [id]", _FOLD + "\n  return [id]")
"""On load: the address, else what the browser remembers, else a new conversation."""

SHOW_ID = _script("chosen", "pushState")
"""An earlier conversation was chosen."""

FRESH_ID = _script(_FRESH, "pushState")
"""A new conversation."""
