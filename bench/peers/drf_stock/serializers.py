from rest_framework.serializers import ModelSerializer

from bench.peers.people.models import User


class UserSerializer(ModelSerializer):
    class Meta:
        model = User
        fields = [
            "id",
            "email",
            "full_name",
            "is_active",
            "email_verified",
            "created_at",
            "updated_at",
        ]
        read_only_fields = ["email", "is_active", "email_verified"]
