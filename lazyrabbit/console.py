"""How mail looks on a developer's console."""

from django.core.mail import EmailMessage
from django.core.mail.backends import console


class EmailBackend(console.EmailBackend):
    """Print the subject and the text, and nothing of how a mail is wrapped for its journey."""

    def write_message(self, message: EmailMessage) -> None:
        head = f"To: {', '.join(message.to)}\nSubject: {message.subject}"
        self.stream.write(f"{head}\n\n{message.body}{'-' * 79}\n")
