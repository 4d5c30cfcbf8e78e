// A token travels in the fragment, which no server and no log sees. Here it moves into the form,
// and out of the address bar and the history.
const field = document.getElementById("id_token");
if (field) {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token) {
    field.value = token;
    history.replaceState(null, "", location.pathname);
  }
  // Without a link, or with one that was refused, the person types it.
  const isWrong = field.getAttribute("aria-invalid") === "true";
  document.getElementById("field-token").hidden = field.value !== "" && !isWrong;
}
