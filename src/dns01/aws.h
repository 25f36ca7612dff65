/*
 * aws.h - an account at AWS as a DNS provider's config and secret describe it,
 * its credentials, and signed calls with judged answers.
 */
#ifndef CM_DNS01_AWS_H
#define CM_DNS01_AWS_H

#include "dns01/aws_sign.h"
#include "dns01/grant.h"
#include "dns01/internal.h"
#include "net/http.h"
#include "net/xml.h"

/* The keys of a config that cm_aws_read takes, for lists of known keys. */
#define CM_AWS_KEYS "region", "partition", "credentials", "role_arn", "external_id", "session_name", "web_identity_token_file", \
	"endpoint", "sts_endpoint", "trust_anchors", "timeout"

/* Where the first credentials come from; a role may be assumed with them. */
typedef enum CmAwsSource
{
	CM_AWS_STATIC,				/* the provider's secret */
	CM_AWS_ENVIRONMENT,			/* AWS_ACCESS_KEY_ID ... of the server's environment */
	CM_AWS_WEB_IDENTITY,		/* AssumeRoleWithWebIdentity (EKS: IRSA, any OIDC) */
	CM_AWS_CONTAINER,			/* ECS, EKS Pod Identity */
	CM_AWS_INSTANCE				/* EC2: IMDSv2 */
} CmAwsSource;

typedef struct CmAws
{
	CmAwsSource source;
	CmGrant		keys;			/* of CM_AWS_STATIC and CM_AWS_ENVIRONMENT */
	char		region[32];		/* where STS is asked */
	char		signing_region[32];	/* Route 53 has one a partition */
	char	   *endpoint;		/* of Route 53, without final slash */
	char	   *sts_endpoint;
	bool		endpoint_http;	/* plain http, to this machine */
	bool		sts_http;
	char	   *trust_anchors;	/* of both; NULL: the system's */
	int64_t		timeout_ms;
	char	   *role_arn;		/* assumed with the source's credentials; NULL: none */
	char	   *external_id;
	char	   *session_name;
	char	   *web_role_arn;	/* CM_AWS_WEB_IDENTITY */
	char	   *token_file;
} CmAws;

/* aws is zeroed. After a failure, too, cm_aws_free is due. */
extern bool cm_aws_read(const CmJson *config, CmSlice secret, CmAws *aws, CmStatus *st);
extern void cm_aws_free(CmAws *aws);

/* Keys to sign with; as cm_grant_get. aws lives until then. */
extern CmGrantState cm_aws_credentials(CmLoop *loop, const CmAws *aws, CmGrantWait *wait, CmGrant *out, CmStatus *st);
/* The account by these keys at this endpoint, asked in this way, as a key of cm_dns01_pace and batches. */
extern bool cm_aws_account(const CmAws *aws, uint8_t key[32]);
/* They were refused as expired. False: they are not of the kind that a new one could replace. */
extern bool cm_aws_credentials_forget(const CmAws *aws);

/* An answer. status: CM_OK for 2xx with XML. CM_REFUSED: AWS said no. CM_LIMIT: throttled, or busy with an earlier change. CM_NETWORK: outcome unknown. */
typedef struct CmAwsAnswer
{
	CmStatus	status;
	char		code[64];		/* AWS's, "" without one */
	const CmXml *xml;			/* also of errors; NULL: no answer, or no XML */
	int64_t		retry_after;	/* seconds; -1: not said */
} CmAwsAnswer;

/* An answer with that status and nothing else. */
extern void cm_aws_answer_init(CmAwsAnswer *answer, const CmStatus *st);

typedef void (*CmAwsDone) (CmAwsAnswer *answer, void *arg);

typedef struct CmAwsCall
{
	const char *method;
	const char *path;			/* "/2013-04-01/..." with its query */
	const char *body;			/* XML; NULL: none */
	const char *action;			/* "route53:GetChange": the permission it needs, for messages */
} CmAwsCall;

/* A signed call of Route 53. aws lives until done is called; the rest is copied. False: not sent, done is not called. */
extern bool cm_aws_call(CmLoop *loop, const CmAws *aws, const CmAwsCall *call, CmAwsDone done, void *arg, CmStatus *st);

/*
 * For calls of STS, which aws_credentials.c makes itself: judges an answer. *xml: to be freed; NULL when there is none.
 * action as in CmAwsCall.
 */
extern void cm_aws_judge(const CmHttpResponse *response, const char *action, CmAwsAnswer *answer, CmXml **xml);
/* Signs and sends with these keys. content_type NULL: no body. url has no query for POST. */
extern bool cm_aws_send(CmLoop *loop, const CmAws *aws, const CmAwsKeys *keys, const char *service, const char *method, const char *path, const char *body,
						CmHttpDone done, void *arg, CmStatus *st);
/* Does it refuse whatever these keys sign? */
extern bool cm_aws_bad_keys(const CmAwsAnswer *answer);
/* Is this the answer to a request signed by a wrong clock? Corrects the clock of all that follow by the answer's Date. */
extern bool cm_aws_clock_corrected(const CmHttpResponse *response, const CmAwsAnswer *answer);

#endif
