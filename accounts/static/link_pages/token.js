// A token travels in the fragment, which no server and no log sees. Here it moves into the form that
// opens its link, and out of the address bar and the history. A newer link that is pasted over this
// page changes only the fragment, and starts over.
const form = document.getElementById("open");

function openLink() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return;
  history.replaceState(null, "", location.pathname);
  for (const part of document.querySelectorAll("main > :not(h1)")) part.hidden = true;
  form.elements.token.value = token;
  form.submit();
}

if (form) {
  addEventListener("hashchange", openLink);
  openLink();
}
