/*
 * key_weak.c - RSA moduli of generators with a known flaw.
 *
 * ROCA (CVE-2017-15361): primes of Infineon's library are k * M + (65537^a mod
 * M), so the modulus is a power of 65537 modulo every small prime. Close primes
 * (CVE-2022-26320): Fermat's method finds them. Pure computation, some tens of
 * microseconds; any process. Debian's weak keys (CVE-2008-0166) can only be told by
 * a list, which no distribution of today packages: weak_list.c, where there is one.
 */
#include "crypto/key_internal.h"
#include "crypto/weak_list.h"

#include <string.h>

/* The primes of M for keys of up to 960 bits; a sound modulus passes for bad in 1 of 2^27 cases. */
static const uint16_t roca_primes[] = {
	3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73,
	79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167
};

static uint32_t
remainder_of(CmSlice number, uint32_t divisor)
{
	uint32_t	r = 0;
	size_t		i;

	for (i = 0; i < number.len; i++)
		r = (r << 8 | number.data[i]) % divisor;
	return r;
}

static bool
is_power_of_generator(uint32_t value, uint32_t prime)
{
	uint32_t	generator = 65537 % prime;
	uint32_t	power = 1;

	do
	{
		if (power == value)
			return true;
		power = power * generator % prime;
	} while (power != 1);
	return false;
}

static bool
is_roca(CmSlice modulus)
{
	size_t		i;

	for (i = 0; i < sizeof(roca_primes) / sizeof(roca_primes[0]); i++)
	{
		if (!is_power_of_generator(remainder_of(modulus, roca_primes[i]), roca_primes[i]))
			return false;
	}
	return true;
}

/* Boulder looks a hundred steps far; real primes are 2^1000 steps apart. */
#define FERMAT_ROUNDS 100

/* The integer square root, by Newton's method. */
static bool
square_root(const BIGNUM *n, BIGNUM *root, BN_CTX *ctx)
{
	BIGNUM	   *next;
	bool		ok;

	BN_CTX_start(ctx);
	next = BN_CTX_get(ctx);
	ok = next != NULL && BN_set_word(root, 0) == 1 && BN_set_bit(root, (BN_num_bits(n) + 1) / 2) == 1;
	while (ok)
	{
		ok = BN_div(next, NULL, n, root, ctx) == 1 && BN_add(next, next, root) == 1 && BN_rshift1(next, next) == 1;
		if (!ok || BN_cmp(next, root) >= 0)
			break;
		ok = BN_copy(root, next) != NULL;
	}
	BN_CTX_end(ctx);
	return ok;
}

/* Squares end so modulo 64 in 12 of 64 cases, and are squares modulo 63, 65 and 11 in one of 100: the root is seldom taken. */
static bool
may_be_square(const BIGNUM *n)
{
	static const uint8_t mods[] = {64, 63, 65, 11};
	size_t		i;

	for (i = 0; i < sizeof(mods); i++)
	{
		BN_ULONG	r = BN_mod_word(n, mods[i]);
		unsigned	x;

		for (x = 0; x < mods[i] && x * x % mods[i] != r; x++)
			;
		if (x == mods[i])
			return false;
	}
	return true;
}

/* Sets *close when n = (a - b)(a + b) for an a near the root of n. False: out of memory. */
static bool
fermat(const BIGNUM *n, BN_CTX *ctx, bool *close)
{
	BIGNUM	   *a = BN_CTX_get(ctx);
	BIGNUM	   *square = BN_CTX_get(ctx);
	BIGNUM	   *root = BN_CTX_get(ctx);
	BIGNUM	   *again = BN_CTX_get(ctx);
	bool		ok = again != NULL && square_root(n, a, ctx);
	int			i;

	*close = false;
	for (i = 0; ok && !*close && i < FERMAT_ROUNDS; i++)
	{
		ok = BN_add_word(a, 1) == 1 && BN_sqr(square, a, ctx) == 1 && BN_sub(square, square, n) == 1;
		if (!ok || !may_be_square(square))
			continue;
		ok = square_root(square, root, ctx) && BN_sqr(again, root, ctx) == 1;
		*close = ok && BN_cmp(again, square) == 0;
	}
	return ok;
}

bool
cm_rsa_check_weak(CmSlice modulus, CmStatus *st)
{
	BN_CTX	   *ctx;
	BIGNUM	   *n;
	bool		close = false;
	bool		ok;

	if (!cm_weak_list_check(modulus, st))
		return false;
	if (is_roca(modulus))
	{
		(void) cm_fail(st, CM_POLICY, "RSA key is weak");
		return cm_fail_detail(st, "Its modulus has the mark of the ROCA flaw (CVE-2017-15361).");
	}
	ctx = BN_CTX_new();
	n = BN_bin2bn(modulus.data, (int) modulus.len, NULL);
	if (ctx != NULL)
		BN_CTX_start(ctx);
	ok = ctx != NULL && n != NULL && fermat(n, ctx, &close);
	if (ctx != NULL)
		BN_CTX_end(ctx);
	BN_free(n);
	BN_CTX_free(ctx);
	if (!ok)
		return cm_fail(st, CM_MEMORY, "out of memory");
	if (close)
	{
		(void) cm_fail(st, CM_POLICY, "RSA key is weak");
		return cm_fail_detail(st, "Its primes are close to each other (CVE-2022-26320).");
	}
	return true;
}
