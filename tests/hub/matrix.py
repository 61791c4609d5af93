"""Who may do what: one line a route, written by hand. A route that is not here fails test_matrix.

A line has a letter for each of WHO, for each of VISIBILITIES (or one word for all of them):
    +  goes through: whatever is answered, it is not about who asks
    ?  401: somebody who signs in may
    -  403: this person may not, and may know that it is there
    0  exactly what a missing repo gets
    x  404 for another reason; in the private column also exactly as if it were missing
    !  401: the token is not good
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

# Nobody; a member of another organisation; members who may read, write and lead; an admin of the hub; the one who may
# write, with a token that may only read, and with one that was taken back.
WHO: Final = ("nobody", "stranger", "reader", "writer", "leader", "admin", "read token", "revoked token")
VISIBILITIES: Final = ("public", "protected", "private")

READ: Final = ("+++++++!", "?-+++++!", "00+++++!")
VISIT: Final = ("+++++++!", "+++++++!", "00+++++!")
VISIT_BY_NAME: Final = ("?++++++!", "?++++++!", "00+++++!")
REGARD: Final = ("?+++++-!", "?+++++-!", "00++++-!")
ASK: Final = ("?++++++!", "?-+++++!", "00+++++!")
TALK: Final = ("?+++++-!", "?-++++-!", "00++++-!")
DUPLICATE: Final = ("?+++++-!", "?-++++-!", "?0++++-!")
WRITE: Final = ("?--+++-!", "?--+++-!", "00-+++-!")
WRITE_AS: Final = ("?--+++-!", "?--+++-!", "?0-+++-!")  # the body names the repo: who asks is looked at before
OPERATE: Final = ("?----+-!", "?----+-!", "00---+-!")
CREATE: Final = ("?--+++-!",) * 3
LEAD: Final = ("?---++-!",) * 3
SELF: Final = ("?++++++!",) * 3
SELF_WRITE: Final = ("?+++++-!",) * 3
OPEN: Final = ("+++++++!",) * 3
SESSION: Final = ("?------!",) * 3  # a browser's session alone: no token makes another
PAGE: Final = ("+++++++?",) * 3  # a page leads whoever is not signed in to where one does
PAGE_SELF: Final = ("?++++++?",) * 3
PAGE_READ: Final = ("+++++++?", "?-+++++?", "?x+++++?")
PAGE_VISIT: Final = ("+++++++?", "+++++++?", "?x+++++?")
PAGE_WRITE: Final = ("?--+++-?", "?--+++-?", "?x-+++-?")
FORM_WRITE: Final = ("?--+++-!", "?--+++-!", "?x-+++-!")
BLIND: Final = ("++++++++",) * 3  # who asks is not looked at
SIGNED: Final = ("--------",) * 3  # an address or token that the hub itself gave out opens it, and no person's does
XET: Final = ("?!!!!!!!",) * 3  # the same, and it stands where a person's token would


@dataclass(frozen=True)
class Line:
    """who: see above. body: what is sent, as JSON; texts may name {repo}, {kind}, {fresh}. gone: then the repo is.

    absent: what is asked for in the repo is not there, so whoever goes through gets a 404.
    """

    who: tuple[str, str, str]
    body: dict[str, Any] | None = None
    query: str = ""
    form: str = ""
    gone: bool = False
    absent: bool = False


# {kind}: models, datasets or spaces. {web}: the same as pages, downloads and git have it. {repo}: namespace/name.
ROUTES: Final = {
    # the hub
    "GET /.well-known/openapi.json": Line(BLIND),
    "GET /api/telemetry/{topic:path}": Line(BLIND),
    "GET /api/agent-harnesses": Line(BLIND),
    "POST /api/validate-yaml": Line(BLIND, {"content": "", "repoType": "model"}),
    "GET /api/spaces/templates": Line(BLIND),
    "GET /api/spaces/hardware": Line(BLIND),
    # people and organisations
    "GET /api/whoami-v2": Line(SELF),
    "GET /api/users/{user}/overview": Line(OPEN),
    "GET /api/users/{user}/followers": Line(BLIND),
    "GET /api/users/{user}/following": Line(BLIND),
    "GET /api/users/{user}/avatar.svg": Line(BLIND),
    "GET /api/users/{user}/likes": Line(OPEN),
    "GET /api/settings/tokens": Line(SESSION),
    "POST /api/settings/tokens": Line(SESSION, {}),
    "DELETE /api/settings/tokens/{token}": Line(SESSION),
    "GET /api/settings/repositories": Line(SELF),
    "POST /api/organizations/create": Line(SELF_WRITE, {"name": ""}),
    "GET /api/organizations/{org}/overview": Line(OPEN),
    "GET /api/organizations/{org}/members": Line(BLIND),
    "PUT /api/organizations/{org}/members/{user}": Line(LEAD, {"role": "read"}),
    "DELETE /api/organizations/{org}/members/{user}": Line(LEAD),
    "GET /api/organizations/{org}/followers": Line(BLIND),
    "GET /api/organizations/{org}/avatar.svg": Line(BLIND),
    "GET /api/organizations/{org}/settings/repositories": Line(("?x+++++!",) * 3),
    # repos
    "GET /api/models": Line(OPEN),
    "GET /api/datasets": Line(OPEN),
    "GET /api/spaces": Line(OPEN),
    "GET /api/models-tags-by-type": Line(OPEN),
    "GET /api/datasets-tags-by-type": Line(OPEN),
    "GET /api/spaces/semantic-search": Line(OPEN),
    "POST /api/repos/create": Line(CREATE, {"name": "..", "organization": "acme", "type": "{kind}"}),
    "POST /api/repos/move": Line(
        WRITE_AS, {"fromRepo": "{repo}", "toRepo": "acme/{fresh}", "type": "{kind}"}, gone=True
    ),
    "DELETE /api/repos/delete": Line(WRITE_AS, {"name": "{name}", "organization": "acme", "type": "{kind}"}, gone=True),
    "POST /api/{kind}/{repo}/duplicate": Line(DUPLICATE, {}),
    "PUT /api/{kind}/{repo}/settings": Line(WRITE, {}),
    "GET /api/{kind}/{repo}": Line(VISIT),
    "GET /api/{kind}/{repo}/revision/{rev}": Line(READ),  # the history of a protected Space is not for everybody
    "GET /api/{plural}/{namespace}/{name}/auth-check": Line(READ),
    "GET /api/{plural}/{namespace}/{name}/auth-check/write": Line(WRITE),
    "POST /api/{kind}/{repo}/like": Line(REGARD),
    "DELETE /api/{kind}/{repo}/like": Line(REGARD),
    "GET /api/{kind}/{repo}/likers": Line(VISIT),
    "POST /api/{kind}/{repo}/ask-access": Line(ASK),
    "POST {web}{repo}/ask-access": Line(ASK),
    "POST /api/{kind}/{repo}/user-access-request/handle": Line(WRITE, {}),
    "POST /api/{kind}/{repo}/user-access-request/grant": Line(WRITE, {"user": "nobody-of-that-name"}),
    "GET /api/{kind}/{repo}/user-access-request/{state}": Line(WRITE),
    # discussions; number 1 was opened by the writer
    "GET /api/{kind}/{repo}/discussions": Line(READ),
    "POST /api/{kind}/{repo}/discussions": Line(TALK, {"title": "More"}),
    "GET /api/{kind}/{repo}/discussions/{number}": Line(READ),
    "POST /api/{kind}/{repo}/discussions/{number}/comment": Line(TALK, {"comment": "Yes."}),
    "POST /api/{kind}/{repo}/discussions/{number}/comment/{comment}/edit": Line(TALK, {"content": "No."}, absent=True),
    "POST /api/{kind}/{repo}/discussions/{number}/comment/{comment}/hide": Line(TALK, absent=True),
    "POST /api/{kind}/{repo}/discussions/{number}/title": Line(WRITE, {"title": "First"}),
    "POST /api/{kind}/{repo}/discussions/{number}/status": Line(WRITE, {"status": "open"}),
    "POST /api/{kind}/{repo}/discussions/{number}/merge": Line(WRITE),
    # content
    "GET /api/{kind}/{repo}/refs": Line(READ),
    "GET /api/{kind}/{repo}/commits/{rev}": Line(READ),
    "POST /api/{kind}/{repo}/branch/{branch}": Line(WRITE, {"startingPoint": "nowhere"}),
    "DELETE /api/{kind}/{repo}/branch/{branch}": Line(WRITE),
    "POST /api/{kind}/{repo}/tag/{rev}": Line(WRITE, {}),
    "DELETE /api/{kind}/{repo}/tag/{tag}": Line(WRITE),
    "POST /api/{kind}/{repo}/super-squash/{branch}": Line(WRITE, {}),
    "GET /api/{kind}/{repo}/tree/{rev}": Line(READ),
    "GET /api/{kind}/{repo}/tree/{rev}/{path:path}": Line(READ),
    "POST /api/{kind}/{repo}/paths-info/{rev}": Line(READ, {"paths": []}),
    "POST /api/{kind}/{repo}/preupload/{rev}": Line(WRITE, {"files": []}),
    "POST /api/{kind}/{repo}/commit/{rev}": Line(WRITE, {}),
    "GET /api/models/{repo}/safetensors-metadata/{path:path}": Line(READ),
    "GET {web}{repo}/resolve/{rev}/{path:path}": Line(READ),
    "GET {web}{repo}/raw/{rev}/{path:path}": Line(READ),
    "GET {web}{repo}/info/refs": Line(READ, query="service=git-upload-pack"),
    "POST {web}{repo}/git-upload-pack": Line(READ),
    "POST {web}{repo}/git-receive-pack": Line(WRITE),
    # large files
    "POST {web}{repo}/info/lfs/objects/batch": Line(WRITE, {"operation": "upload", "objects": []}),
    "GET {web}{repo}/info/lfs/locks": Line(READ),
    "POST {web}{repo}/info/lfs/locks": Line(WRITE, {}),
    "POST {web}{repo}/info/lfs/locks/verify": Line(WRITE, {}),
    "POST {web}{repo}/info/lfs/locks/{lock}/unlock": Line(WRITE, {}, absent=True),
    "GET /api/{kind}/{repo}/lfs-files": Line(WRITE),
    "POST /api/{kind}/{repo}/lfs-files/batch": Line(WRITE, {}),
    "POST /api/{kind}/{repo}/lfs-files/duplicate": Line(READ, {}),
    "PUT /api/lfs/{ticket}": Line(SIGNED),
    "PUT /api/lfs/{ticket}/part": Line(SIGNED),
    "POST /api/lfs/{ticket}/join": Line(SIGNED),
    "POST /api/lfs/{ticket}/verify": Line(SIGNED),
    "GET /api/lfs/{ticket}": Line(SIGNED),
    "GET /api/{kind}/{repo}/xet-read-token/{rev}": Line(READ),
    "GET /api/{kind}/{repo}/xet-write-token/{rev}": Line(WRITE),
    "POST /xet/{installation}/{user}/v1/xorbs/default/{xorb}": Line(XET),
    "POST /xet/{installation}/{user}/v1/shards": Line(XET),
    "GET /xet/{installation}/{user}/v1/reconstructions/{file}": Line(XET),
    "GET /xet/parts/{ticket}": Line(SIGNED),
    "GET /xet/{installation}/{user}/{call:path}": Line(BLIND, absent=True),
    "POST /xet/{installation}/{user}/{call:path}": Line(BLIND, absent=True),
    # Spaces
    "GET /api/spaces/zero-gpu/quota": Line(BLIND),
    "GET /api/spaces/by-subdomain/{subdomain}": Line(VISIT),
    "GET /api/spaces/{repo}/runtime": Line(VISIT),
    "GET /api/spaces/{repo}/host": Line(VISIT),
    "GET /api/spaces/{repo}/jwt": Line(VISIT_BY_NAME),
    "POST /api/spaces/{repo}/pause": Line(WRITE),
    "POST /api/spaces/{repo}/restart": Line(WRITE),
    "POST /api/spaces/{repo}/hardware": Line(WRITE, {}),
    "POST /api/spaces/{repo}/sleeptime": Line(WRITE, {}),
    "POST /api/spaces/{repo}/internet": Line(OPERATE, {"internet": True}),
    "POST /api/spaces/{repo}/pin": Line(OPERATE, {"pinned": False}),
    "GET /api/spaces/{repo}/variables": Line(READ),
    "POST /api/spaces/{repo}/variables": Line(WRITE, {}),
    "DELETE /api/spaces/{repo}/variables": Line(WRITE, {"key": "NONE"}, absent=True),
    "GET /api/spaces/{repo}/secrets": Line(WRITE),
    "POST /api/spaces/{repo}/secrets": Line(WRITE, {}),
    "DELETE /api/spaces/{repo}/secrets": Line(WRITE, {"key": "NONE"}, absent=True),
    "GET /api/spaces/{repo}/logs/build": Line(WRITE),
    "GET /api/spaces/{repo}/logs/run": Line(WRITE),
    "GET /api/spaces/{repo}/events": Line(VISIT),
    "GET /api/spaces/{repo}/timeline": Line(WRITE),
    "PUT /api/spaces/{repo}/volumes": Line(WRITE, {"volumes": []}),
    "DELETE /api/spaces/{repo}/volumes": Line(WRITE),
    "GET /internal/visitor": Line(("+++++++-", "+++++++-", "--+++++-"), query="space={space}"),
    # buckets
    "GET /api/buckets/{namespace}": Line(OPEN),
    "POST /api/buckets/{repo}": Line(CREATE, {}),
    "GET /api/buckets/{repo}": Line(READ),
    "DELETE /api/buckets/{repo}": Line(WRITE, gone=True),
    "PUT /api/buckets/{repo}/settings": Line(WRITE, {}),
    "GET /api/buckets/{repo}/tree": Line(READ),
    "GET /api/buckets/{repo}/tree/{prefix:path}": Line(READ),
    "POST /api/buckets/{repo}/paths-info": Line(READ, {"paths": []}),
    "POST /api/buckets/{repo}/batch": Line(WRITE),
    "GET /api/buckets/{repo}/xet-read-token": Line(READ),
    "GET /api/buckets/{repo}/xet-write-token": Line(WRITE),
    "GET /api/buckets/{repo}/events": Line(READ),
    "GET /buckets/{repo}/resolve/{path:path}": Line(READ),
    # pages
    "GET /": Line(PAGE),
    "GET /spaces": Line(PAGE),
    "GET /models": Line(PAGE),
    "GET /datasets": Line(PAGE),
    "GET /static/{name}": Line(BLIND, absent=True),
    "GET /login": Line(PAGE),
    "POST /login": Line(("???????!",) * 3),
    "POST /logout": Line(OPEN),
    "GET /settings/tokens": Line(("?------?",) * 3),
    "POST /settings/tokens": Line(SESSION, form="name=more&role=write"),
    "POST /settings/tokens/{token}/delete": Line(SESSION),
    "GET /new-space": Line(PAGE_SELF),
    "POST /new-space": Line(SELF),
    "GET {web}{repo}": Line(PAGE_VISIT),
    "GET /buckets/{repo}": Line(PAGE_READ),
    "GET /buckets/{repo}/tree/{path:path}": Line(PAGE_READ, absent=True),
    "GET /spaces/{repo}/live": Line(PAGE_VISIT),
    "GET /spaces/{repo}/logs": Line(PAGE_WRITE),
    "GET /spaces/{repo}/logs/{source}": Line(PAGE_WRITE),
    "POST /spaces/{repo}/restart": Line(FORM_WRITE),
    "POST /spaces/{repo}/pause": Line(FORM_WRITE),
    "GET /spaces/{repo}/settings": Line(PAGE_WRITE),
    "POST /spaces/{repo}/settings/{what:path}": Line(FORM_WRITE),
    "GET {web}{repo}/tree/{rev}": Line(PAGE_READ),
    "GET {web}{repo}/tree/{rev}/{path:path}": Line(PAGE_READ, absent=True),
    "GET {web}{repo}/blob/{rev}/{path:path}": Line(PAGE_READ, absent=True),
}
