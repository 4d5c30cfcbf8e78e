"""The same HTTP contract with FastAPI, SQLAlchemy, python-jose and bcrypt.

Routes are plain functions, which FastAPI runs in its thread pool, since SQLAlchemy's session and
bcrypt block. Access tokens are believed as they are; a refresh looks whether the user is there and
checks nothing else. ``python -m bench.peers.fastapi_service`` makes the tables.
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import bcrypt
from fastapi import APIRouter, Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from jose import JWTError, jwt
from pydantic import BaseModel, ConfigDict, EmailStr, Field
from sqlalchemy import String, create_engine, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

SECRET_KEY = os.environ["SECRET_KEY"]
ALGORITHM = "HS256"
ACCESS = timedelta(minutes=int(os.environ["ACCESS_TOKEN_EXPIRE_MINUTES"]))
REFRESH = timedelta(days=7)

# As many connections for each worker as ours may have.
engine = create_engine(
    os.environ["DATABASE_URL"].replace("postgres://", "postgresql+psycopg://", 1),
    pool_size=16,
    max_overflow=0,
)


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    hashed_password: Mapped[str] = mapped_column(String(60))
    full_name: Mapped[str | None] = mapped_column(String(200))
    is_active: Mapped[bool] = mapped_column(default=True)
    email_verified: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class Credentials(BaseModel):
    email: EmailStr
    password: str = Field(min_length=8, max_length=72)


class NewUser(Credentials):
    full_name: str | None = Field(None, max_length=200)


class Presented(BaseModel):
    refresh_token: str


class UserAnswer(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    email: str
    full_name: str | None
    is_active: bool
    email_verified: bool
    created_at: datetime
    updated_at: datetime


class SignedUp(BaseModel):
    user: UserAnswer
    message: str = "User created successfully"


class Tokens(BaseModel):
    access_token: str
    refresh_token: str
    token_type: str = "bearer"  # noqa: S105 (the name of a scheme)
    expires_in: int = int(ACCESS.total_seconds())


class SignedIn(Tokens):
    user: UserAnswer


def open_session() -> Iterator[Session]:
    with Session(engine) as session:
        yield session


Database = Annotated[Session, Depends(open_session)]
Bearer = Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]


def encode(user: User, kind: str, lifetime: timedelta) -> str:
    claims = {"sub": str(user.id), "type": kind, "exp": datetime.now(UTC) + lifetime}
    return jwt.encode(claims, SECRET_KEY, algorithm=ALGORITHM)


def issue(user: User) -> dict[str, str]:
    return {
        "access_token": encode(user, "access", ACCESS),
        "refresh_token": encode(user, "refresh", REFRESH),
    }


def find_user(token: str, kind: str, database: Session) -> User:
    """Return the active user of a token. Raises HTTPException."""
    refusal = HTTPException(401, "Could not validate credentials", {"WWW-Authenticate": "Bearer"})
    try:
        claims = jwt.decode(token, SECRET_KEY, algorithms=[ALGORITHM])
    except JWTError as error:
        raise refusal from error
    user = database.get(User, int(claims["sub"])) if claims.get("type") == kind else None
    if user is None or not user.is_active:
        raise refusal
    return user


def current_user(bearer: Bearer, database: Database) -> User:
    return find_user(bearer.credentials, "access", database)


router = APIRouter(prefix="/api/v1")


@router.post("/auth/signup", status_code=201)
def signup(new: NewUser, database: Database) -> SignedUp:
    hashed = bcrypt.hashpw(new.password.encode(), bcrypt.gensalt(12)).decode()
    user = User(email=new.email.lower(), hashed_password=hashed, full_name=new.full_name)
    database.add(user)
    try:
        database.commit()
    except IntegrityError as error:
        raise HTTPException(400, "Email already registered") from error
    return SignedUp(user=UserAnswer.model_validate(user))


@router.post("/auth/signin")
def signin(credentials: Credentials, database: Database) -> SignedIn:
    user = database.scalar(select(User).where(User.email == credentials.email.lower()))
    if user is None or not bcrypt.checkpw(
        credentials.password.encode(), user.hashed_password.encode()
    ):
        raise HTTPException(401, "Incorrect email or password")
    return SignedIn(**issue(user), user=UserAnswer.model_validate(user))


@router.post("/auth/refresh")
def refresh(presented: Presented, database: Database) -> Tokens:
    return Tokens(**issue(find_user(presented.refresh_token, "refresh", database)))


@router.get("/users/me", response_model=UserAnswer)
def me(user: Annotated[User, Depends(current_user)]) -> Any:
    return user


app = FastAPI()
app.include_router(router)


@app.get("/api/health")
def health() -> dict[str, str]:
    return {"status": "healthy"}


if __name__ == "__main__":
    Base.metadata.create_all(engine)
